#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;

TEST(SignMajority, VotesOnEachCoordinate) {
  // The sums of signs are 5 and 3.
  EXPECT_THAT(Joined("sign_majority", InputC()), ElementsAre(1.0, 1.0));
  EXPECT_THAT(Joined("sign_majority", InputB()), ElementsAre(1.0, 1.0, 1.0));
}

TEST(SignMajority, IsNotTheSignOfTheMean) {
  const Rows rows = {{1, -1, 0}, {1, 2, 0}, {-100, 0, 0}};
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(Joined("sign_majority", rows, {}, as_float),
                ElementsAre(1.0, 0.0, 0.0));
  }
}

TEST(SignMajority, EqualsASlowOne) {
  const Rows rows = DrawRows(3, 12, 5000);
  std::vector<double> expected(5000);
  for (std::size_t k = 0; k < 5000; ++k) {
    int vote = 0;
    for (const auto& row : rows) vote += row[k] > 0 ? 1 : row[k] < 0 ? -1 : 0;
    expected[k] = vote > 0 ? 1.0 : vote < 0 ? -1.0 : 0.0;
  }
  EXPECT_EQ(Joined("sign_majority", rows), expected);
  EXPECT_EQ(Joined("sign_majority", rows, {}, true), expected);
}

TEST(SignMajority, HasNoSignForZeros) {
  const std::vector<double> vote =
      Joined("sign_majority", {{-0.0, 0.0}, {-0.0, 0.0}});
  EXPECT_FALSE(std::signbit(vote[0]));
  EXPECT_FALSE(std::signbit(vote[1]));
}

TEST(SignMajority, SurvivesAnything) {
  ExpectSurvives("sign_majority", 10, 3, /*bounded=*/true);
}

}  // namespace
}  // namespace fedtorch::aggregate
