#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Pointwise;

TEST(ClippedClustering, JoinsTheReferenceInput) {
  // Norms sqrt 14, 18, 17, 19: bound (sqrt 17 + sqrt 18) / 2 = 4.18287; row 3
  // is clipped by 0.95963.
  const Result result = ResultOf("clipped_clustering", InputB());
  const double clip =
      0.5 * (std::sqrt(17.0) + std::sqrt(18.0)) / std::sqrt(19.0);
  EXPECT_THAT(result.vector,
              ElementsAre(DoubleNear((3 + 3 * clip) / 3, 1e-9),
                          DoubleNear((4 + clip) / 3, 1e-9),
                          DoubleNear((6 + 3 * clip) / 3, 1e-9)));
  EXPECT_THAT(result.vector,
              ElementsAre(DoubleNear(1.9596, 5e-5),
                          DoubleNear(1.6532, 5e-5),
                          DoubleNear(2.9596, 5e-5)));
  EXPECT_THAT(result.kept, ElementsAre(0, 2, 3));
}

TEST(ClippedClustering, DropsTheOneThatPointsElsewhere) {
  EXPECT_THAT(ResultOf("clipped_clustering", InputC()).kept,
              ElementsAre(0, 1, 2, 3, 4, 5));
  // A: the cosines of neighbours are .9746 and .9982.
  EXPECT_THAT(ResultOf("clipped_clustering", InputA()).kept, ElementsAre(1, 2));
  EXPECT_THAT(ResultOf("clipped_clustering", {{1, 0}, {0, 1}}).vector,
              ElementsAre(1.0, 0.0));
}

// Clusters by merging means of pairs, by hand.
std::vector<double> Slow(const std::vector<std::vector<double>>& rows,
                         std::vector<double> seen) {
  const std::size_t n = rows.size();
  std::vector<double> norms;
  for (const auto& row : rows) {
    double square = 0.0;
    for (const double value : row) square += value * value;
    norms.push_back(std::sqrt(square));
  }
  std::vector<std::vector<std::size_t>> clusters;
  for (std::size_t i = 0; i < n; ++i) clusters.push_back({i});
  while (clusters.size() > 2) {
    double least = 1e300;
    std::size_t a = 0;
    std::size_t b = 0;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      for (std::size_t j = i + 1; j < clusters.size(); ++j) {
        double sum = 0.0;
        for (const auto p : clusters[i]) {
          for (const auto q : clusters[j]) {
            double product = 0.0;
            for (std::size_t k = 0; k < rows[p].size(); ++k) {
              product += rows[p][k] * rows[q][k];
            }
            sum += 1.0 - product / norms[p] / norms[q];
          }
        }
        sum /= static_cast<double>(clusters[i].size() * clusters[j].size());
        if (sum < least) {
          least = sum;
          a = i;
          b = j;
        }
      }
    }
    clusters[a].insert(
        clusters[a].end(), clusters[b].begin(), clusters[b].end());
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(b));
  }
  const auto& kept =
      clusters.size() > 1 && clusters[1].size() > clusters[0].size()
          ? clusters[1]
          : clusters[0];
  seen.insert(seen.end(), norms.begin(), norms.end());
  std::sort(seen.begin(), seen.end());
  const double bound =
      0.5 * (seen[(seen.size() - 1) / 2] + seen[seen.size() / 2]);
  std::vector<double> mean(rows[0].size());
  for (const std::size_t i : kept) {
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] += rows[i][k] * std::min(1.0, bound / norms[i]) /
                 static_cast<double>(kept.size());
    }
  }
  return mean;
}

TEST(ClippedClustering, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const auto n = static_cast<std::int64_t>(seed);
    const RandomRows rows =
        RandomRows::Draw(seed, n, seed % 2 == 0 ? 50 : 2500, n / 4);
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      EXPECT_THAT(
          PipelineFrom({}, "clipped_clustering").Aggregate(table, {}).vector,
          Pointwise(DoubleNear(table.is_double() ? 1e-10 : 1e-5),
                    Slow(rows.values, {})));
    }
  }
}

TEST(ClippedClustering, RemembersTheNormsOfAllRounds) {
  // Norms 1, 1, 1 in the first round; in the second 4, 4, 4: the median of all
  // six is 2.5. In a third of 4, 4, 4 it is 4.
  const std::vector<std::vector<double>> small = {{1, 0}, {1, 0}, {1, 0}};
  const std::vector<std::vector<double>> large = {{4, 0}, {4, 0}, {4, 0}};
  Pipeline pipeline = PipelineFrom({}, "clipped_clustering");
  pipeline.AggregateAndRemember(TableOf(small), {});
  EXPECT_THAT(pipeline.Aggregate(TableOf(large), {}).vector[0],
              DoubleNear(2.5, 1e-12));
  // Who only asks leaves no trace.
  EXPECT_THAT(pipeline.AggregateAndRemember(TableOf(large), {}).vector[0],
              DoubleNear(2.5, 1e-12));
  EXPECT_THAT(pipeline.Aggregate(TableOf(large), {}).vector[0],
              DoubleNear(4.0, 1e-12));
}

TEST(ClippedClustering, ForgetsRoundsBeyondItsHistory) {
  const std::vector<std::vector<double>> small = {{1, 0}, {1, 0}, {1, 0}};
  const std::vector<std::vector<double>> large = {{4, 0}, {4, 0}};
  Pipeline all = PipelineFrom({}, "clipped_clustering");
  Pipeline two = PipelineFrom({}, "{name: clipped_clustering, history: 2}");
  Pipeline one = PipelineFrom({}, "{name: clipped_clustering, history: 1}");
  for (Pipeline* pipeline : {&all, &two, &one}) {
    pipeline->AggregateAndRemember(TableOf(small), {});
  }
  const auto first = [&](const Pipeline& pipeline) {
    return pipeline.Aggregate(TableOf(large), {}).vector[0];
  };
  EXPECT_NEAR(first(all), 1.0, 1e-12);
  EXPECT_NEAR(first(two), 1.0, 1e-12);
  EXPECT_NEAR(first(one), 4.0, 1e-12);
  for (Pipeline* pipeline : {&all, &two}) {
    pipeline->AggregateAndRemember(TableOf(large), {});
  }
  EXPECT_NEAR(first(all), 4.0, 1e-12);  // of 1 1 1 4 4 4 4
  EXPECT_NEAR(first(two), 4.0, 1e-12);
  for (Pipeline* pipeline : {&all, &two}) {
    pipeline->AggregateAndRemember(TableOf(small), {});
  }
  EXPECT_NEAR(first(all), 1.0, 1e-12);  // of 1 x6, 4 x4
  EXPECT_NEAR(first(two), 1.0, 1e-12);
}

TEST(ClippedClustering, ResumesWhereItWasSaved) {
  Pipeline whole = PipelineFrom({}, "{name: clipped_clustering, history: 3}");
  Pipeline before = PipelineFrom({}, "{name: clipped_clustering, history: 3}");
  for (std::uint64_t round = 1; round <= 8; ++round) {
    RandomRows rows = RandomRows::Draw(round, 6, 20, 1);
    for (auto& row : rows.values) {
      for (double& value : row) value *= static_cast<double>(round % 4 + 1);
    }
    Pipeline resumed =
        PipelineFrom({}, "{name: clipped_clustering, history: 3}");
    resumed.LoadState(before.SaveState());
    const auto expected = whole.AggregateAndRemember(rows.Doubles(), {});
    EXPECT_EQ(resumed.AggregateAndRemember(rows.Doubles(), {}).vector,
              expected.vector);
    EXPECT_EQ(resumed.SaveState(), whole.SaveState());
    before.LoadState(resumed.SaveState());
  }
}

TEST(ClippedClustering, StandsHugeZeroTinyAndEqualRows) {
  std::vector<float> flat(9 * 30, 0.0F);
  const auto fill = [&](std::size_t row, float value) {
    std::fill_n(
        flat.begin() + static_cast<std::ptrdiff_t>(row * 30), 30, value);
  };
  for (std::size_t row = 0; row < 6; ++row) fill(row, 1.0F);
  fill(6, -1e30F);
  fill(7, -1e20F);
  const Result result =
      PipelineFrom({}, "clipped_clustering")
          .Aggregate(UpdateTable::Of(std::span<const float>(flat), 30), {});
  for (const double value : result.vector) {
    EXPECT_LE(std::fabs(value), 1.0 + 1e-5);
    EXPECT_GE(value, 0.5);
  }
  EXPECT_THAT(ResultOf("clipped_clustering", {{0, 0}, {0, 0}}).vector,
              Each(0.0));
  EXPECT_THAT(ResultOf("clipped_clustering", {{3, 4}}).vector,
              ElementsAre(3.0, 4.0));
  EXPECT_THAT(ResultOf("clipped_clustering", {{3, 4}, {3, 4}, {3, 4}}).vector,
              ElementsAre(DoubleNear(3.0, 1e-12), DoubleNear(4.0, 1e-12)));
}

}  // namespace
}  // namespace fedtorch::aggregate
