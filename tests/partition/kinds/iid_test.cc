#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::partition {
namespace {

TEST(Iid, GivesSizesThatDifferByAtMostOne) {
  const data::Dataset dataset = Balanced(1003, 10);
  const Split split =
      FromText("iid")->Partition({.dataset = dataset, .num_clients = 5});
  EXPECT_THAT(SizesOf(split.shards),
              testing::ElementsAre(201, 201, 201, 200, 200));
}

TEST(Iid, HasHypergeometricCountsOfAClass) {
  // 2000 samples, 500 of class 0, parts of 200: variance
  // 200 * 1/4 * 3/4 * 1800 / 1999 = 33.8.
  const data::Dataset dataset = Balanced(2000, 4);
  double sum = 0.0;
  double squares = 0.0;
  double parts = 0.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Split split = FromText("iid")->Partition(
        {.dataset = dataset, .num_clients = 10, .seed = seed});
    for (const auto& row : CountMatrix(split.shards, dataset)) {
      const double deviation = static_cast<double>(row[0]) - 50.0;
      sum += deviation;
      squares += deviation * deviation;
      parts += 1.0;
    }
  }
  EXPECT_NEAR(sum / parts, 0.0, 1e-9);
  // A tenth is three standard deviations of a variance from 1800 free values.
  EXPECT_NEAR(squares / parts, 33.77, 3.4);
}

}  // namespace
}  // namespace fedtorch::partition
