#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

double Median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return (x[(x.size() - 1) / 2] + x[x.size() / 2]) / 2;
}

// The published steps with whole matrices: hat matrix by the normal equations,
// the scale with the published 1e-7.
std::vector<double> Slow(const Rows& rows, double lambda, double threshold) {
  const std::size_t n = rows.size();
  const std::size_t d = rows[0].size();
  Rows restricted(n, std::vector<double>(d));
  std::vector<double> sum(n);
  for (std::size_t k = 0; k < d; ++k) {
    std::vector<double> y;
    for (const auto& row : rows) y.push_back(row[k]);
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return y[a] < y[b];
    });
    std::vector<double> x(n);
    for (std::size_t r = 0; r < n; ++r) x[order[r]] = double(r);
    std::vector<double> middles;
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> slopes;
      for (std::size_t j = 0; j < n; ++j) {
        if (j != i) slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
      }
      middles.push_back(Median(slopes));
    }
    const double slope = Median(middles);
    const double intercept = Median(y) - slope * (double(n) - 1) / 2;
    double sx = 0, sxx = 0;
    for (const double value : x) {
      sx += value;
      sxx += value * value;
    }
    const double det = double(n) * sxx - sx * sx;
    std::vector<double> residual(n), absolute;
    for (std::size_t i = 0; i < n; ++i) {
      residual[i] = y[i] - intercept - slope * x[i];
      absolute.push_back(std::fabs(residual[i]));
    }
    std::sort(absolute.begin(), absolute.end());
    absolute.erase(absolute.begin());
    const double tau =
        1.4826 * (1 + 5 / (double(n) - 1)) * Median(absolute) + 1e-7;
    const double bound = lambda * std::sqrt(2 / double(n));
    std::vector<double> weight(n);
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double h = (sxx - 2 * sx * x[i] + double(n) * x[i] * x[i]) / det;
      const double root = std::sqrt(1 - h);
      const double e = residual[i] / tau;
      weight[i] =
          e == 0 ? 1 : root / e * std::max(-bound, std::min(bound, e / root));
      mean += weight[i] / double(n);
      restricted[i][k] = weight[i] >= threshold ? y[i] : y[i] - residual[i];
    }
    double variance = 0;
    for (const double w : weight) {
      variance += (w - mean) * (w - mean) / (double(n) - 1);
    }
    for (std::size_t i = 0; i < n; ++i) {
      sum[i] += weight[i] * std::sqrt(variance);
    }
  }
  double top = *std::max_element(sum.begin(), sum.end());
  if (top == 0) {
    // The published quotient is 0 / 0 here.
    sum.assign(n, 1);
    top = 1;
  }
  std::vector<double> out(d);
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double w = sum[i] / top * sum[i] / top;
    total += w;
    for (std::size_t k = 0; k < d; ++k) out[k] += w * restricted[i][k];
  }
  for (double& value : out) value /= total;
  return out;
}

TEST(ResidualReweighting, EqualsTheStepsWithWholeMatrices) {
  for (const std::int64_t n : {3, 4, 7, 12, 25}) {
    for (const std::int64_t d : {1, 6, 300, 600}) {
      Updates drawn = DrawUpdates(static_cast<std::uint64_t>(10 * n + d), n, d);
      // Spread out, so that ties are rare and 1e-7 does not show.
      for (auto& row : drawn.rows) {
        for (float& value : row) value *= 1000.0f;
      }
      for (float& value : drawn.rows.front()) value = 40.0f * value + 7e4f;
      Rows rows;
      for (const auto& row : drawn.rows) {
        rows.emplace_back(row.begin(), row.end());
      }
      const std::vector<double> expected = Slow(rows, 2.0, 0.1);
      EXPECT_THAT(ResultOf("residual_reweighting", rows).vector,
                  Pointwise(DoubleNear(1e-3), expected));
      EXPECT_THAT(VectorOf(*FromText("residual_reweighting"), drawn),
                  Pointwise(DoubleNear(1e-3), expected));
      EXPECT_THAT(
          ResultOf("{name: residual_reweighting, lambda: 0.5, threshold: 0.4}",
                   rows)
              .vector,
          Pointwise(DoubleNear(1e-3), Slow(rows, 0.5, 0.4)));
    }
  }
}

TEST(ResidualReweighting, GivesTheMiddleOfEvenSteps) {
  // All lie on the line, so all count the same.
  EXPECT_THAT(ResultOf("residual_reweighting", InputA()).vector,
              Pointwise(DoubleNear(1e-12), std::vector<double>{4, 5, 6}));
}

TEST(ResidualReweighting, PutsAFarValueOnTheLine) {
  const Result result = ResultOf("residual_reweighting", InputC());
  // Six rows have mean (1, 0.05); the mean of all is (1/7, 0.76).
  EXPECT_NEAR(result.vector[0], 1.0, 0.1);
  EXPECT_NEAR(result.vector[1], 0.05, 0.1);
  EXPECT_LT(result.scores[6], 0.01);
}

TEST(ResidualReweighting, IsBoundedByTheOthers) {
  for (const double far : {1e3, 1e10, 1e30, 1e150}) {
    Rows rows = {{1.0}, {1.2}, {0.9}, {1.1}, {1.05}, {far}, {-far}};
    const Result result = ResultOf("residual_reweighting", rows);
    EXPECT_GT(result.vector[0], 0.5);
    EXPECT_LT(result.vector[0], 1.5);
  }
}

TEST(ResidualReweighting, HoldsOutWhereMoreThanHalfAndOneAreHonest) {
  const double far = 1e9;
  EXPECT_NEAR(ResultOf("residual_reweighting",
                       {{1}, {1.2}, {.9}, {1.1}, {1.05}, {far}, {far}, {far}})
                  .vector[0],
              1.05,
              0.2);
  // n = 2f + 1: a median of two means half of each.
  EXPECT_GT(ResultOf("residual_reweighting",
                     {{1}, {1.2}, {.9}, {1.1}, {far}, {far}, {far}})
                .vector[0],
            1e8);
}

TEST(ResidualReweighting, ScalesAtAnySize) {
  Rows rows = InputC();
  const std::vector<double> one = ResultOf("residual_reweighting", rows).vector;
  for (auto& row : rows) {
    for (double& value : row) value *= std::ldexp(1.0, -60);
  }
  const std::vector<double> small =
      ResultOf("residual_reweighting", rows).vector;
  EXPECT_NEAR(small[0] * std::ldexp(1.0, 60), one[0], 1e-12);
  EXPECT_NEAR(small[1] * std::ldexp(1.0, 60), one[1], 1e-12);
}

TEST(ResidualReweighting, TakesFewRows) {
  EXPECT_THAT(ResultOf("residual_reweighting", {{3, -1}}).vector,
              ElementsAre(3.0, -1.0));
  EXPECT_THAT(ResultOf("residual_reweighting", {{3, -1}, {4, 1}}).vector,
              Pointwise(DoubleNear(1e-12), std::vector<double>{3.5, 0}));
}

TEST(ResidualReweighting, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Updates updates = DrawUpdates(6, 9, 3000);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1u, 4u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(VectorOf(*FromText("residual_reweighting"), updates));
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(ResidualReweighting, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 3, 8}) {
    ExpectSurvives("residual_reweighting", 0, n);
    ExpectSurvives("residual_reweighting", (n - 1) / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
