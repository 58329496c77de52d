#include "fedtorch/partition/skew.h"
#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::partition {
namespace {

TEST(QuantitySkew, HasTheVarianceOfDirichletShares) {
  // Var of a share of Dir_N(alpha) = (1/N)(1 - 1/N) / (N alpha + 1).
  const data::Dataset dataset = Balanced(10000, 10);
  const auto partitioner = FromText("{name: quantity_skew, alpha: 0.7}");
  double variance = 0.0;
  constexpr int kSeeds = 600;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Split split = partitioner->Partition({.dataset = dataset,
                                                .num_clients = 20,
                                                .min_samples = 0,
                                                .seed = seed});
    for (const std::int64_t size : SizesOf(split.shards)) {
      const double deviation = static_cast<double>(size) / 10000.0 - 0.05;
      variance += deviation * deviation / (kSeeds * 20);
    }
  }
  EXPECT_NEAR(variance / (0.05 * 0.95 / (20 * 0.7 + 1.0)), 1.0, 0.08);
}

TEST(QuantitySkew, GivesEveryClientTheGlobalLawOfClasses) {
  const data::Dataset dataset = Balanced(50000, 10);
  const Split split = FromText("{name: quantity_skew, alpha: 5}")
                          ->Partition({.dataset = dataset, .num_clients = 10});
  const Skew skew = MeasureSkew(split.shards, dataset);
  EXPECT_LT(skew.tv_to_global, 0.04);
  EXPECT_GT(skew.size_cv, 0.15);
}

TEST(QuantitySkew, GivesEqualSizesForLargeAlpha) {
  const data::Dataset dataset = Balanced(1000, 10);
  const Split split = FromText("{name: quantity_skew, alpha: 1e9}")
                          ->Partition({.dataset = dataset, .num_clients = 7});
  EXPECT_THAT(SizesOf(split.shards), testing::Each(testing::AnyOf(142, 143)));
}

TEST(QuantitySkew, SaysWhatToChangeWhereTheMinimumIsOutOfReach) {
  const data::Dataset dataset = Balanced(10000, 10);
  EXPECT_THAT(
      Refusal("{name: quantity_skew, alpha: 0.05}",
              {.dataset = dataset, .num_clients = 100, .min_samples = 10}),
      testing::AllOf(testing::HasSubstr("in 100 tries"),
                     testing::HasSubstr("raise alpha (now 0.05)")));
}

}  // namespace
}  // namespace fedtorch::partition
