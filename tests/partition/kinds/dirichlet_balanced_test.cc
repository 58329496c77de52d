#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace fedtorch::partition {
namespace {

TEST(DirichletBalanced, GivesNothingMoreToAClientWithItsFairShare) {
  const data::Dataset dataset = Unbalanced(30, 12, 1);
  const double fair = static_cast<double>(dataset.size()) / 15.0;
  int full = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Split split = FromText("{name: dirichlet_balanced, alpha: 0.2}")
                            ->Partition({.dataset = dataset,
                                         .num_clients = 15,
                                         .min_samples = 0,
                                         .seed = seed});
    for (const auto& row : CountMatrix(split.shards, dataset)) {
      std::int64_t held = 0;
      for (const std::int64_t count : row) {
        if (static_cast<double>(held) >= fair) {
          EXPECT_EQ(count, 0);
          ++full;
        }
        held += count;
      }
    }
  }
  EXPECT_GT(full, 100);
}

TEST(DirichletBalanced, DrawsTheFirstClassLikeDirichlet) {
  // Var of a share of Dir_N(alpha) = (1/N)(1 - 1/N) / (N alpha + 1).
  const data::Dataset dataset = Balanced(20000, 2);
  const auto partitioner = FromText("{name: dirichlet_balanced, alpha: 0.3}");
  double variance = 0.0;
  constexpr int kSeeds = 400;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Split split = partitioner->Partition({.dataset = dataset,
                                                .num_clients = 20,
                                                .min_samples = 0,
                                                .seed = seed});
    for (const auto& row : CountMatrix(split.shards, dataset)) {
      const double deviation = static_cast<double>(row[0]) / 10000.0 - 0.05;
      variance += deviation * deviation / (kSeeds * 20);
    }
  }
  EXPECT_NEAR(variance / (0.05 * 0.95 / 7.0), 1.0, 0.1);
}

TEST(DirichletBalanced, GivesEqualSharesOfEveryClassForLargeAlpha) {
  const data::Dataset dataset = Balanced(7000, 10);
  const Split split = FromText("{name: dirichlet_balanced, alpha: 1e9}")
                          ->Partition({.dataset = dataset, .num_clients = 7});
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    // The last class goes to those that rounding left below their share.
    for (std::size_t label = 0; label + 1 < 10; ++label) {
      EXPECT_NEAR(static_cast<double>(row[label]), 100.0, 1.0);
    }
  }
}

TEST(DirichletBalanced, ServesEveryClassEvenForAlphaNearZero) {
  // Shares of the open clients are then often below any double.
  const data::Dataset dataset = Balanced(1000, 10);
  const Split split =
      FromText("{name: dirichlet_balanced, alpha: 1e-6}")
          ->Partition(
              {.dataset = dataset, .num_clients = 10, .min_samples = 0});
  // A class is as large as the fair share: everybody gets exactly one.
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    EXPECT_EQ(std::ranges::count(row, 100), 1);
    EXPECT_EQ(std::ranges::count(row, 0), 9);
  }
}

TEST(DirichletBalanced, SaysWhatToChangeWhereTheMinimumIsOutOfReach) {
  const data::Dataset dataset = Balanced(50000, 10);
  EXPECT_THAT(
      Refusal("{name: dirichlet_balanced, alpha: 0.05}",
              {.dataset = dataset, .num_clients = 5000, .min_samples = 5}),
      testing::AllOf(testing::HasSubstr("in 100 tries"),
                     testing::HasSubstr("raise alpha (now 0.05)")));
}

}  // namespace
}  // namespace fedtorch::partition
