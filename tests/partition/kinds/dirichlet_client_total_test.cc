#include "fedtorch/partition/skew.h"
#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Returns the mean TV to the global law over 30 seeds.
double MeanTv(const std::string& text, const data::Dataset& dataset) {
  constexpr std::size_t kSeeds = 30;
  const auto partitioner = FromText(text);
  std::vector<double> tv(kSeeds);
  tbb::parallel_for(std::size_t{0}, kSeeds, [&](std::size_t seed) {
    const Split split = partitioner->Partition(
        {.dataset = dataset, .num_clients = 50, .seed = seed});
    tv[seed] = MeasureSkew(split.shards, dataset).tv_to_global;
  });
  double mean = 0.0;
  for (const double value : tv) mean += value / kSeeds;
  return mean;
}

TEST(DirichletClientTotal, IsDirichletClientOfAlphaOverKOnBalancedClasses) {
  const data::Dataset dataset = Balanced(20000, 10);
  for (const double alpha : {1.0, 5.0, 20.0}) {
    EXPECT_NEAR(MeanTv("{name: dirichlet_client_total, alpha: " +
                           std::to_string(alpha) + "}",
                       dataset),
                MeanTv("{name: dirichlet_client, alpha: " +
                           std::to_string(alpha / 10.0) + "}",
                       dataset),
                0.01);
  }
}

TEST(DirichletClientTotal, FollowsTheClassFrequenciesForLargeAlpha) {
  // 5500 samples: class k has 100 (k + 1) of them.
  const data::Dataset dataset = Unbalanced(100, 10, 1);
  const Split split = FromText("{name: dirichlet_client_total, alpha: 1e9}")
                          ->Partition({.dataset = dataset, .num_clients = 5});
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    for (std::size_t label = 0; label < 10; ++label) {
      // Nearly multinomial: five standard deviations.
      const double expected = 20.0 * static_cast<double>(label + 1);
      EXPECT_NEAR(
          static_cast<double>(row[label]), expected, 5.0 * std::sqrt(expected));
    }
  }
}

TEST(DirichletClientTotal, LeavesTheRemainderOfEqualSizes) {
  const data::Dataset dataset = Balanced(1007, 10);
  for (const std::string fill : {"rotate", "in_turn"}) {
    const Split split =
        FromText("{name: dirichlet_client_total, fill: " + fill + "}")
            ->Partition({.dataset = dataset, .num_clients = 10});
    EXPECT_THAT(SizesOf(split.shards), testing::Each(100));
    EXPECT_EQ(split.unassigned, 7);
  }
}

TEST(DirichletClientTotal, IsMoreSkewedWhereClientsAreFilledInTurn) {
  const data::Dataset dataset = Balanced(20000, 10);
  EXPECT_GT(
      MeanTv("{name: dirichlet_client_total, alpha: 0.1, fill: in_turn}",
             dataset),
      0.03 + MeanTv("{name: dirichlet_client_total, alpha: 0.1}", dataset));
}

TEST(DirichletClientTotal, FillsOneClassAClientInTurnForAlphaNearZero) {
  // The classes are multiples of the client size, so that a client takes one
  // whole piece of one class.
  const data::Dataset dataset = Unbalanced(20, 10, 1);
  const Split split =
      FromText("{name: dirichlet_client_total, alpha: 1e-6, fill: in_turn}")
          ->Partition({.dataset = dataset, .num_clients = 55});
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    EXPECT_EQ(std::ranges::count(row, 20), 1);
    EXPECT_EQ(std::ranges::count(row, 0), 9);
  }
}

}  // namespace
}  // namespace fedtorch::partition
