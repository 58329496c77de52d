#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Pointwise;

// Single linkage by hand: the first majority that grows together, clipped.
std::vector<double> SlowFlame(const std::vector<std::vector<double>>& rows,
                              const std::vector<double>& model) {
  const std::size_t n = rows.size();
  std::vector<double> norms;
  std::vector<std::vector<double>> points;
  for (const auto& row : rows) {
    double square = 0.0;
    double length = 0.0;
    std::vector<double>& point = points.emplace_back(row);
    for (std::size_t k = 0; k < row.size(); ++k) {
      square += row[k] * row[k];
      if (!model.empty()) point[k] += model[k];
      length += point[k] * point[k];
    }
    for (double& value : point) value /= std::sqrt(length);
    norms.push_back(std::sqrt(square));
  }
  std::vector<std::vector<double>> apart(n, std::vector<double>(n));
  std::vector<double> heights;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < points[i].size(); ++k) {
        const double part = points[i][k] - points[j][k];
        apart[i][j] += 0.5 * part * part;
      }
      heights.push_back(apart[i][j]);
    }
  }
  std::sort(heights.begin(), heights.end());
  std::vector<std::size_t> kept;
  for (const double height : heights) {
    for (std::size_t start = 0; start < n && kept.empty(); ++start) {
      std::vector<std::size_t> part = {start};
      std::vector<char> seen(n, 0);
      seen[start] = 1;
      for (std::size_t k = 0; k < part.size(); ++k) {
        for (std::size_t j = 0; j < n; ++j) {
          if (seen[j] == 0 && apart[part[k]][j] <= height) {
            seen[j] = 1;
            part.push_back(j);
          }
        }
      }
      if (part.size() >= n / 2 + 1) kept = part;
    }
    if (!kept.empty()) break;
  }
  std::vector<double> sorted = norms;
  std::sort(sorted.begin(), sorted.end());
  const double median = 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]);
  std::vector<double> mean(rows[0].size());
  for (const std::size_t i : kept) {
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] += rows[i][k] * std::min(1.0, median / norms[i]) /
                 static_cast<double>(kept.size());
    }
  }
  return mean;
}

TEST(Flame, ClipsToTheMedianOfAllAndDropsTheMinority) {
  // Norms 1, 2, 3, 10, 20: the bound is 3, not the median 2 of the admitted.
  const std::vector<std::vector<double>> rows = {
      {1, 0}, {2, 0}, {3, 0}, {0, 10}, {0, -20}};
  const Result result = ResultOf("{name: flame, lambda: 0}", rows);
  EXPECT_THAT(result.vector, ElementsAre(DoubleNear(2.0, 1e-12), 0.0));
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2));
  EXPECT_NEAR(result.diagnostics.at("clip_norm"), 3.0, 1e-12);
  const std::vector<std::vector<double>> longer = {
      {1, 0}, {8, 0}, {9, 0}, {0, 1}, {0, -2}};
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", longer).vector,
              ElementsAre(DoubleNear(5.0 / 3.0, 1e-12), 0.0));
}

TEST(Flame, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const auto n = static_cast<std::int64_t>(1 + seed);
    const std::int64_t d = seed % 2 == 0 ? 60 : 3000;
    const RandomRows rows = RandomRows::Draw(seed, n, d, (n - 1) / 2);
    core::Stream stream = core::Stream::Named(seed, "model");
    std::vector<double> model;
    for (std::int64_t k = 0; k < d; ++k) {
      model.push_back(static_cast<float>(20.0 * stream.Normal()));
    }
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      const double exact = table.is_double() ? 1e-10 : 1e-5;
      const Pipeline flame = PipelineFrom({}, "{name: flame, lambda: 0}");
      EXPECT_THAT(flame.Aggregate(table, {}).vector,
                  Pointwise(DoubleNear(exact), SlowFlame(rows.values, {})));
      EXPECT_THAT(flame.Aggregate(table, {.model = model}).vector,
                  Pointwise(DoubleNear(exact), SlowFlame(rows.values, model)));
    }
  }
}

TEST(Flame, ClustersModelsWhereItKnowsThem) {
  // As updates the first three of five point one way. As models the last four
  // of seven do: the first three turn a model of length 10.
  const std::vector<std::vector<double>> rows = {
      {0, 9}, {0, 8}, {0, 10}, {5, 0}, {-5, .1}, {-2, -.1}, {1, 0}};
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}",
                       {rows[0], rows[1], rows[2], rows[3], rows[4]})
                  .kept,
              ElementsAre(0, 1, 2));
  const std::vector<double> model = {10, 0};
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", rows, {.model = model}).kept,
              ElementsAre(3, 4, 5, 6));
}

TEST(Flame, AddsNoiseOfTheSizeOfTheMedianNorm) {
  const RandomRows rows = RandomRows::Draw(3, 5, 20000, 0);
  const auto vector = [&](const std::string& lambda, const Context& context) {
    return PipelineFrom({}, "{name: flame, lambda: " + lambda + "}")
        .Aggregate(rows.Doubles(), context);
  };
  const Result plain = vector("0", {.seed = 4});
  const Result noisy = vector("0.01", {.seed = 4});
  double sum = 0.0;
  double squares = 0.0;
  for (std::size_t k = 0; k < plain.vector.size(); ++k) {
    const double noise = noisy.vector[k] - plain.vector[k];
    sum += noise;
    squares += noise * noise;
  }
  const double deviation = 0.01 * plain.diagnostics.at("clip_norm");
  EXPECT_NEAR(std::sqrt(squares / 20000) / deviation, 1.0, 0.02);
  EXPECT_NEAR(sum / 20000 / deviation, 0.0, 0.03);
  EXPECT_EQ(noisy.vector, vector("0.01", {.seed = 4}).vector);
  EXPECT_NE(noisy.vector, vector("0.01", {.seed = 4, .round = 2}).vector);
  EXPECT_NE(noisy.vector, vector("0.01", {.seed = 5}).vector);
}

TEST(Flame, JoinsTheReferenceInputs) {
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", InputC()).kept,
              testing::Not(testing::Contains(6)));
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", InputC()).vector,
              Pointwise(DoubleNear(1e-12), SlowFlame(InputC(), {})));
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", InputA()).vector,
              Pointwise(DoubleNear(1e-12), SlowFlame(InputA(), {})));
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", InputB()).vector,
              Pointwise(DoubleNear(1e-12), SlowFlame(InputB(), {})));
}

TEST(Flame, StandsHugeZeroTinyAndEqualRows) {
  std::vector<float> flat(9 * 30, 0.0F);
  const auto fill = [&](std::size_t row, float value) {
    std::fill_n(
        flat.begin() + static_cast<std::ptrdiff_t>(row * 30), 30, value);
  };
  for (std::size_t row = 0; row < 5; ++row) fill(row, 1.0F);
  fill(5, -1e30F);
  fill(6, -1e20F);
  fill(8, 1e-42F);
  const Result result =
      PipelineFrom({}, "{name: flame, lambda: 0}")
          .Aggregate(UpdateTable::Of(std::span<const float>(flat), 30), {});
  EXPECT_THAT(result.vector, Each(DoubleNear(1.0, 1e-5)));
  EXPECT_THAT(ResultOf("{name: flame}", {{0, 0}, {0, 0}}).vector,
              ElementsAre(0.0, 0.0));
  EXPECT_THAT(ResultOf("{name: flame, lambda: 0}", {{3, 4}}).vector,
              ElementsAre(3.0, 4.0));
  EXPECT_THAT(
      ResultOf("{name: flame, lambda: 0}", {{3, 4}, {3, 4}, {3, 4}}).kept,
      ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace fedtorch::aggregate
