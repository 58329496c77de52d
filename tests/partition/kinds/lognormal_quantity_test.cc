#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace fedtorch::partition {
namespace {

TEST(LognormalQuantity, HasSizesWhoseLogarithmsSpreadBySigma) {
  const data::Dataset dataset = Balanced(1000000, 2);
  for (const double sigma : {0.3, 1.0}) {
    const Split split =
        FromText("{name: lognormal_quantity, sigma: " + std::to_string(sigma) +
                 "}")
            ->Partition({.dataset = dataset, .num_clients = 1000});
    double mean = 0.0;
    double squares = 0.0;
    double cubes = 0.0;
    for (const std::int64_t size : SizesOf(split.shards)) {
      mean += std::log(static_cast<double>(size)) / 1000.0;
    }
    for (const std::int64_t size : SizesOf(split.shards)) {
      const double deviation = std::log(static_cast<double>(size)) - mean;
      squares += deviation * deviation / 1000.0;
      cubes += deviation * deviation * deviation / 1000.0;
    }
    // Relative standard deviation of the spread: 1 / sqrt(2000) = 0.022; of
    // the skewness: sqrt(6 / 1000) = 0.077.
    EXPECT_NEAR(std::sqrt(squares) / sigma, 1.0, 0.07);
    EXPECT_NEAR(cubes / (squares * std::sqrt(squares)), 0.0, 0.25);
  }
}

TEST(LognormalQuantity, GivesEqualSizesForSigmaZero) {
  const data::Dataset dataset = Balanced(1000, 10);
  const Split split = FromText("{name: lognormal_quantity, sigma: 0}")
                          ->Partition({.dataset = dataset, .num_clients = 8});
  EXPECT_THAT(SizesOf(split.shards), testing::Each(125));
}

TEST(LognormalQuantity, SaysWhatToChangeWhereTheMinimumIsOutOfReach) {
  const data::Dataset dataset = Balanced(10000, 10);
  EXPECT_THAT(
      Refusal("{name: lognormal_quantity, sigma: 3}",
              {.dataset = dataset, .num_clients = 100, .min_samples = 10}),
      testing::AllOf(testing::HasSubstr("in 100 tries"),
                     testing::HasSubstr("lower sigma (now 3)")));
}

}  // namespace
}  // namespace fedtorch::partition
