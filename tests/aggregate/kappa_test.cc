// (f, kappa)-robust averaging: for every subset S of n - f rows
//   |F(x) - mean_S|^2 <= kappa * mean over S of |x_i - mean_S|^2.
// Bounds: Allouah et al. 2023, table 1.

#include "fedtorch/core/stream.h"
#include "tests/aggregate/rule_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::aggregate {
namespace {

constexpr std::pair<int, int> kSizes[] = {{5, 1}, {7, 2}, {9, 3}, {10, 4}};

// Largest ratio of both sides over all subsets.
double KappaOf(const Rows& rows, const std::vector<double>& answer, int f) {
  const auto n = static_cast<unsigned>(rows.size());
  const auto count = static_cast<double>(rows.size()) - f;
  double largest = 0.0;
  for (unsigned subset = 0; subset < (1u << n); ++subset) {
    if (std::popcount(subset) != static_cast<int>(n) - f) continue;
    std::vector<double> mean(answer.size());
    for (unsigned i = 0; i < n; ++i) {
      if (((subset >> i) & 1u) == 0u) continue;
      for (std::size_t k = 0; k < mean.size(); ++k) {
        mean[k] += rows[i][k] / count;
      }
    }
    double variance = 0.0;
    for (unsigned i = 0; i < n; ++i) {
      if (((subset >> i) & 1u) == 0u) continue;
      variance += std::pow(Distance(rows[i], mean), 2) / count;
    }
    const double error = std::pow(Distance(answer, mean), 2);
    // What rounding leaves of a subset of equal rows.
    if (error > 1e-18) largest = std::max(largest, error / variance);
  }
  return largest;
}

// Clusters, lines, copies and outliers, near and far.
Rows AdversarialRows(std::uint64_t seed, int n, int f) {
  core::Stream stream = core::Stream::Named(seed, "adversarial");
  const std::int64_t d = 1 + static_cast<std::int64_t>(stream.Below(4));
  Rows rows = DrawRows(seed + 1000, n, d);
  const auto moved =
      static_cast<std::size_t>(stream.Below(static_cast<std::uint64_t>(f) + 2));
  const double far = std::exp(3.0 * stream.Normal());
  switch (stream.Below(5)) {
    case 0:  // a second cluster
      for (std::size_t i = 0; i < moved; ++i) {
        for (double& value : rows[i]) value += far;
      }
      break;
    case 1:  // copies of one vector
      for (std::size_t i = 0; i < moved; ++i) {
        rows[i].assign(static_cast<std::size_t>(d), far);
      }
      break;
    case 2:  // two values only
      for (auto& row : rows) row.assign(static_cast<std::size_t>(d), 0.0);
      for (std::size_t i = 0; i < static_cast<std::size_t>(f); ++i) {
        rows[i][0] = 1.0;
      }
      break;
    case 3:  // opposite outliers
      for (std::size_t i = 0; i < moved; ++i) {
        for (double& value : rows[i]) value *= i % 2 == 0 ? far : -far;
      }
      break;
    default:  // heavy tails
      for (auto& row : rows) {
        for (double& value : row) value = std::pow(value, 3);
      }
      break;
  }
  return rows;
}

double LargestKappa(const std::string& rule, int n, int f) {
  const Pipeline pipeline = PipelineFrom({}, rule);
  double largest = 0.0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Rows rows = AdversarialRows(seed, n, f);
    const std::vector<double> answer =
        pipeline.Aggregate(TableOf(rows), {.f = f}).vector;
    largest = std::max(largest, KappaOf(rows, answer, f));
  }
  return largest;
}

// f / (n - 2f): no rule is below it, for n - f zeros and f ones may be honest
// but for either.
double LowerBound(int n, int f) {
  return static_cast<double>(f) / static_cast<double>(n - 2 * f);
}

TEST(Kappa, OfTheTrimmedMeanIsTheLowerBound) {
  for (const auto& [n, f] : kSizes) {
    EXPECT_NEAR(LargestKappa("trimmed_mean", n, f), LowerBound(n, f), 1e-9)
        << n << ", " << f;
  }
}

TEST(Kappa, OfTheMediansStaysBelowTheirBound) {
  for (const auto& [n, f] : kSizes) {
    const double bound = 4.0 * std::pow(1.0 + LowerBound(n, f), 2);
    for (const char* rule : {"median", "geometric_median"}) {
      const double kappa = LargestKappa(rule, n, f);
      EXPECT_LE(kappa, bound) << rule << ": " << n << ", " << f;
      EXPECT_GE(kappa, LowerBound(n, f) - 1e-6) << rule;
    }
  }
}

TEST(Kappa, IsBrokenByTheMean) { EXPECT_GT(LargestKappa("mean", 10, 4), 1e3); }

// Which shows that the test can fail for a rule that looks like the right one.
TEST(Kappa, IsBrokenByThreeStepsFromZero) {
  Rows rows = DrawRows(1, 10, 1000);
  for (auto& row : rows) {
    for (double& value : row) value = 0.9 + 0.1 * value;
  }
  for (std::size_t i = 0; i < 3; ++i) rows[i].assign(1000, 0.0);
  const double bound = 4.0 * std::pow(1.0 + LowerBound(10, 3), 2);
  EXPECT_GT(KappaOf(rows,
                    Joined("{name: geometric_median, start: zero, relative: "
                           "false, nu: 0.1, iterations: 3}",
                           rows),
                    3),
            bound);
  EXPECT_LE(KappaOf(rows, Joined("geometric_median", rows), 3), bound);
}

}  // namespace
}  // namespace fedtorch::aggregate
