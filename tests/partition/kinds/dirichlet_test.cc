#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::HasSubstr;

TEST(Dirichlet, HasTheVarianceOfDirichletSharesInEveryClass) {
  // Var of a share of Dir_N(alpha) = (1/N)(1 - 1/N) / (N alpha + 1).
  constexpr double kAlpha = 0.3;
  constexpr std::int64_t kClients = 20;
  const data::Dataset dataset = Balanced(20000, 2);
  const auto partitioner = FromText("{name: dirichlet, alpha: 0.3}");
  std::vector<double> squares(2, 0.0);
  constexpr int kSeeds = 400;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Split split = partitioner->Partition({.dataset = dataset,
                                                .num_clients = kClients,
                                                .min_samples = 0,
                                                .seed = seed});
    for (const auto& row : CountMatrix(split.shards, dataset)) {
      for (std::size_t label = 0; label < 2; ++label) {
        const double deviation =
            static_cast<double>(row[label]) / 10000.0 - 1.0 / kClients;
        squares[label] += deviation * deviation / (kSeeds * kClients);
      }
    }
  }
  const double expected = 0.05 * 0.95 / (kClients * kAlpha + 1.0);
  EXPECT_NEAR(squares[0] / expected, 1.0, 0.1);
  EXPECT_NEAR(squares[1] / expected, 1.0, 0.1);
}

TEST(Dirichlet, GivesEqualSharesOfEveryClassForLargeAlpha) {
  const data::Dataset dataset = Unbalanced(100, 10, 1);
  const Split split = FromText("{name: dirichlet, alpha: 1e9}")
                          ->Partition({.dataset = dataset, .num_clients = 7});
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    for (std::size_t label = 0; label < 10; ++label) {
      const double fair = 100.0 * static_cast<double>(label + 1) / 7.0;
      EXPECT_NEAR(static_cast<double>(row[label]), fair, 1.0);
    }
  }
}

TEST(Dirichlet, GivesEachClassToOneClientForAlphaNearZero) {
  const data::Dataset dataset = Balanced(1000, 10);
  const Split split =
      FromText("{name: dirichlet, alpha: 1e-6}")
          ->Partition(
              {.dataset = dataset, .num_clients = 30, .min_samples = 0});
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    EXPECT_THAT(row, testing::Each(testing::AnyOf(0, 100)));
  }
}

TEST(Dirichlet, DrawsAClassWithoutLookingAtTheOthers) {
  // Class 1 of a set with few and with many samples of class 0.
  std::vector<std::int64_t> targets(600, 1);
  targets.insert(targets.end(), 10, 0);
  const data::Dataset few = WithTargets(targets, 2);
  targets.insert(targets.end(), 990, 0);
  const data::Dataset many = WithTargets(targets, 2);
  const auto partitioner = FromText("{name: dirichlet, alpha: 5}");
  const auto counts = [&partitioner](const data::Dataset& dataset) {
    std::vector<std::int64_t> of_class;
    for (const auto& row : CountMatrix(
             partitioner
                 ->Partition({.dataset = dataset, .num_clients = 8, .seed = 5})
                 .shards,
             dataset)) {
      of_class.push_back(row[1]);
    }
    return of_class;
  };
  EXPECT_EQ(counts(few), counts(many));
}

TEST(Dirichlet, SaysWhatToChangeWhereTheMinimumIsOutOfReach) {
  // A minimum of 10 was never met in 2000 tries.
  const data::Dataset dataset = Balanced(50000, 10);
  const std::string message =
      Refusal("{name: dirichlet, alpha: 0.05}",
              {.dataset = dataset, .num_clients = 100, .min_samples = 10});
  EXPECT_THAT(message, HasSubstr("expected at least 10 samples"));
  EXPECT_THAT(message,
              HasSubstr("in 100 tries the smallest client had at "
                        "best "));
  EXPECT_THAT(message,
              HasSubstr("raise alpha (now 0.05), lower num_clients "
                        "or lower min_samples"));
}

TEST(Dirichlet, EndsForMoreClientsThanItCanServe) {
  const data::Dataset dataset = Balanced(50000, 10);
  EXPECT_THAT(
      Refusal("{name: dirichlet, alpha: 0.05}",
              {.dataset = dataset, .num_clients = 5000, .min_samples = 1}),
      HasSubstr("in 100 tries the smallest client had at best 0"));
  EXPECT_THAT(
      Refusal("{name: dirichlet, alpha: 0.05}",
              {.dataset = dataset, .num_clients = 5000, .min_samples = 11}),
      HasSubstr("5000 clients with at least 11 samples each need more than "
                "the 50000 samples"));
  const Split split =
      FromText("{name: dirichlet, alpha: 0.05}")
          ->Partition(
              {.dataset = dataset, .num_clients = 5000, .min_samples = 0});
  EXPECT_EQ(split.shards.num_clients(), 5000);
  EXPECT_EQ(split.unassigned, 0);
}

}  // namespace
}  // namespace fedtorch::partition
