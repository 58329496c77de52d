#include "fedtorch/partition/skew.h"
#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Counts samples by client and class the way FedDyn's and Flower's code does
/// it, with plain arrays and other random numbers: draw a client until one
/// with room comes, then a class by inversion; a class that is found empty is
/// set to 0 for everybody.
Matrix SlowCounts(std::int64_t num_clients,
                  std::int64_t size_of_client,
                  std::int64_t num_classes,
                  std::int64_t size_of_class,
                  double alpha,
                  std::uint64_t seed) {
  auto stream = core::Stream::Named(seed, "slow");
  const auto clients = static_cast<std::size_t>(num_clients);
  const auto classes = static_cast<std::size_t>(num_classes);
  std::vector<std::vector<double>> laws(clients);
  for (auto& law : laws) {
    for (std::size_t k = 0; k < classes; ++k)
      law.push_back(stream.Gamma(alpha));
  }
  Matrix counts(clients, std::vector<std::int64_t>(classes, 0));
  std::vector<std::int64_t> room(clients, size_of_client);
  std::vector<std::int64_t> stock(classes, size_of_class);
  for (std::int64_t left = num_clients * size_of_client; left > 0; --left) {
    std::size_t client = stream.Below(clients);
    while (room[client] == 0) client = stream.Below(clients);
    --room[client];
    while (true) {
      const auto& law = laws[client];
      double point =
          stream.Uniform() * std::accumulate(law.begin(), law.end(), 0.0);
      std::size_t label = 0;
      while (label + 1 < classes && point >= law[label]) point -= law[label++];
      if (stock[label] == 0) {
        for (auto& any : laws) any[label] = 0.0;
        continue;
      }
      --stock[label];
      ++counts[client][label];
      break;
    }
  }
  return counts;
}

struct Means {
  double classes_present = 0.0;
  double effective_classes = 0.0;
};

Means MeansOf(const Matrix& counts) {
  Means means;
  for (const auto& row : counts) {
    const double size = static_cast<double>(
        std::accumulate(row.begin(), row.end(), std::int64_t{0}));
    double entropy = 0.0;
    for (const std::int64_t count : row) {
      if (count == 0) continue;
      means.classes_present += 1.0 / static_cast<double>(counts.size());
      const double share = static_cast<double>(count) / size;
      entropy -= share * std::log(share);
    }
    means.effective_classes +=
        std::exp(entropy) / static_cast<double>(counts.size());
  }
  return means;
}

TEST(DirichletClient, AgreesWithASlowVersionOfThePublishedCode) {
  constexpr std::size_t kSeeds = 60;
  const data::Dataset dataset = Balanced(50000, 10);
  const auto partitioner = FromText("{name: dirichlet_client, alpha: 0.1}");
  std::vector<Means> fast(kSeeds);
  std::vector<Means> slow(kSeeds);
  tbb::parallel_for(std::size_t{0}, kSeeds, [&](std::size_t seed) {
    const Split split = partitioner->Partition(
        {.dataset = dataset, .num_clients = 100, .seed = seed});
    fast[seed] = MeansOf(CountMatrix(split.shards, dataset));
    slow[seed] = MeansOf(SlowCounts(100, 500, 10, 5000, 0.1, seed));
  });
  Means difference;
  for (std::size_t seed = 0; seed < kSeeds; ++seed) {
    difference.classes_present +=
        (fast[seed].classes_present - slow[seed].classes_present) / kSeeds;
    difference.effective_classes +=
        (fast[seed].effective_classes - slow[seed].effective_classes) / kSeeds;
  }
  // Standard deviations of the differences: 0.031 and 0.023.
  EXPECT_NEAR(difference.classes_present, 0.0, 0.1);
  EXPECT_NEAR(difference.effective_classes, 0.0, 0.075);
}

TEST(DirichletClient, GivesEqualSizesAndAllSamples) {
  const data::Dataset dataset = Unbalanced(20, 10, 1);
  const Split split = FromText("{name: dirichlet_client, alpha: 0.05}")
                          ->Partition({.dataset = dataset, .num_clients = 7});
  // 1100 = 7 * 157 + 1.
  EXPECT_THAT(SizesOf(split.shards),
              testing::ElementsAre(158, 157, 157, 157, 157, 157, 157));
  EXPECT_EQ(split.unassigned, 0);
}

TEST(DirichletClient, IsDoneEvenIfFewClassesAreLeftForOnePickyClient) {
  const data::Dataset dataset = Unbalanced(3, 40, 1);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Split split =
        FromText("{name: dirichlet_client, alpha: 1e-6}")
            ->Partition({.dataset = dataset, .num_clients = 9, .seed = seed});
    EXPECT_EQ(std::ssize(split.shards.indices), dataset.size());
  }
}

TEST(DirichletClient, NearsTheGlobalLawForLargeAlpha) {
  // Counts are then nearly multinomial draws: with 1000 samples of 10 classes
  // TV to uniform is about 10 / 2 * sqrt(2 / pi * 0.09 / 1000) = 0.038.
  const data::Dataset dataset = Balanced(20000, 10);
  const Split split = FromText("{name: dirichlet_client, alpha: 1e9}")
                          ->Partition({.dataset = dataset, .num_clients = 20});
  EXPECT_LT(MeasureSkew(split.shards, dataset).tv_to_global, 0.045);
}

TEST(DirichletClient, HasLognormalSizesWithSigma) {
  const data::Dataset dataset = Balanced(200000, 10);
  const Split split = FromText("{name: dirichlet_client, alpha: 1, sigma: 0.8}")
                          ->Partition({.dataset = dataset, .num_clients = 400});
  double sum = 0.0;
  double squares = 0.0;
  for (const std::int64_t size : SizesOf(split.shards)) {
    const double logarithm = std::log(static_cast<double>(size));
    sum += logarithm / 400.0;
    squares += logarithm * logarithm / 400.0;
  }
  // Three standard deviations: 0.8 / sqrt(800) * 3 = 0.085.
  EXPECT_NEAR(std::sqrt(squares - sum * sum), 0.8, 0.085);
  EXPECT_EQ(split.unassigned, 0);
}

}  // namespace
}  // namespace fedtorch::partition
