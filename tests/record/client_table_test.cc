#include "fedtorch/record/client_table.h"

#include <gtest/gtest.h>

#include <limits>

namespace fedtorch::record {
namespace {

TEST(ClientTable, HasTheColumnsOfLeaf) {
  const std::vector<std::string> names{"loss", "accuracy"};
  EXPECT_EQ(ClientHeader(names),
            "client_id,round_number,hierarchy,num_samples,set,loss,accuracy");
  EXPECT_EQ(ClientHeader({}),
            "client_id,round_number,hierarchy,num_samples,set");
}

TEST(ClientTable, WritesShortestNumbersAndMarksWhatIsNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(ClientLine({.client = 7,
                        .round = 20,
                        .hierarchy = "",
                        .samples = 31,
                        .set = "test",
                        .metrics = {0.1, 2.0, std::nullopt}}),
            "7,20,,31,test,0.1,2.0,");
  EXPECT_EQ(ClientLine({.client = 0,
                        .round = 0,
                        .hierarchy = "",
                        .samples = 0,
                        .set = "train",
                        .metrics = {nan, -nan, infinity, -infinity}}),
            "0,0,,0,train,nan,nan,inf,-inf");
}

TEST(ClientTable, QuotesAsRfc4180Says) {
  EXPECT_EQ(ClientLine({.client = 1,
                        .round = 2,
                        .hierarchy = "a,\"b\"\nc",
                        .samples = 3,
                        .set = "test",
                        .metrics = {}}),
            "1,2,\"a,\"\"b\"\" c\",3,test");
}

TEST(ClientTable, FindsTheRoundOfALine) {
  EXPECT_EQ(RoundOfClientLine("7,20,,31,test,0.1"), 20);
  EXPECT_EQ(RoundOfClientLine("7"), std::nullopt);
  EXPECT_EQ(RoundOfClientLine("7,20"), std::nullopt);
  EXPECT_EQ(RoundOfClientLine("client_id,round_number,x"), std::nullopt);
  EXPECT_EQ(RoundOfClientLine(""), std::nullopt);
}

}  // namespace
}  // namespace fedtorch::record
