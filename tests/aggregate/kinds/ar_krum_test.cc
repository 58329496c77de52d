#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Step by step from the values; `most` is the largest tail behind a gap.
std::int64_t SlowEstimate(const std::vector<double>& sorted,
                          std::int64_t most) {
  const double median = sorted[sorted.size() / 2];
  std::vector<double> kept;
  for (const double value : sorted) {
    if (value <= 2.0 * median - sorted[0]) kept.push_back(value);
  }
  const auto extreme = static_cast<std::int64_t>(sorted.size() - kept.size());
  if (kept.size() < 3) return extreme;
  std::size_t widest = kept.size();
  for (std::size_t k = 0; k + 1 < kept.size(); ++k) {
    if (static_cast<std::int64_t>(kept.size() - 1 - k) > most) continue;
    if (widest == kept.size() ||
        kept[k + 1] - kept[k] >= kept[widest + 1] - kept[widest]) {
      widest = k;
    }
  }
  std::vector<double> other;
  for (std::size_t k = 0; k + 1 < kept.size(); ++k) {
    if (k != widest) other.push_back(kept[k + 1] - kept[k]);
  }
  std::sort(other.begin(), other.end());
  const bool gap =
      kept[widest + 1] - kept[widest] > 5.0 * other[other.size() / 2] &&
      kept[widest + 1] >= 10.0 * kept[widest];
  return std::max(
      extreme, gap ? static_cast<std::int64_t>(kept.size() - 1 - widest) : 0);
}

Subset SlowSubset(const Rows& rows, bool majority) {
  const auto n = static_cast<std::int64_t>(rows.size());
  std::vector<double> scores;
  std::vector<std::int64_t> estimates;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> others;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (i != j) others.push_back(DirectSquared(rows[i], rows[j]));
    }
    std::sort(others.begin(), others.end());
    estimates.push_back(SlowEstimate(others, majority ? (n - 3) / 2 : n));
    double sum = 0.0;
    for (std::int64_t k = 0;
         k < std::max<std::int64_t>(1, n - 2 - estimates.back());
         ++k) {
      sum += others[static_cast<std::size_t>(k)];
    }
    scores.push_back(sum);
  }
  const auto best = static_cast<std::size_t>(DirectSmallest(scores, 1).front());
  std::vector<double> distances;
  for (const auto& row : rows) {
    distances.push_back(DirectSquared(row, rows[best]));
  }
  return DirectSmallest(distances,
                        std::max<std::int64_t>(1, n - estimates[best]));
}

TEST(ArKrum, EqualsItsSlowVersion) {
  for (const bool majority : {true, false}) {
    ExpectSlow(
        std::string("{name: ar_krum, limit: ") +
            (majority ? "majority}" : "none}"),
        [](std::int64_t f) { return 2 * f + 5; },
        [majority](const Rows& rows, std::int64_t) {
          return DirectMean(rows, SlowSubset(rows, majority));
        });
  }
}

TEST(ArKrum, CountsAdversariesItself) {
  Rows rows = DrawRows(1, 11, 100, 0);
  for (const std::size_t bad : {2u, 5u, 9u}) rows[bad].assign(100, 50.0);
  const Result result = ResultOf("ar_krum", rows);
  EXPECT_EQ(result.diagnostics.at("aggregate/estimated_f"), 3.0);
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 3, 4, 6, 7, 8, 10));
  EXPECT_FALSE(PipelineFrom({}, "ar_krum").needs_declared_f());
}

TEST(ArKrum, LeavesTwoMoreThanItsEstimateOutOfAScore) {
  // Squared distances from row 0: 1, 4, 9, 16, 10000; the last is extreme, so
  // that n - 1 - 2 = 3 count.
  const Result result = ResultOf("ar_krum", {{0}, {1}, {2}, {3}, {-4}, {100}});
  EXPECT_EQ(result.scores[0], 1.0 + 4.0 + 9.0);
  // From row 1 there are 1, 1, 4, 25, 9801: beyond 2 * 4 - 1 are two.
  EXPECT_EQ(result.scores[1], 1.0 + 1.0);
}

TEST(ArKrum, DoesNotLetTwoEqualRowsAccuseAllOthers) {
  // Rows 0 and 1 see each other at distance 0 and a gap behind that.
  Rows rows = DrawRows(2, 11, 100, 0);
  rows[0].assign(100, 9.0);
  rows[1] = rows[0];
  const Subset kept = ResultOf("ar_krum", rows).kept;
  EXPECT_GE(kept.size(), 6u);
  EXPECT_GE(kept.front(), 2);
  EXPECT_THAT(ResultOf("{name: ar_krum, limit: none}", rows).kept,
              ElementsAre(0, 1));
}

TEST(ArKrum, NamesNWhereItDoesNotFit) {
  EXPECT_EQ(PipelineFrom({}, "ar_krum").Obstacle(5, 1), "");
  EXPECT_THAT(PipelineFrom({}, "ar_krum").Obstacle(4, 1),
              HasSubstr("n >= 5 updates, found n = 4 with f = 1"));
}

TEST(ArKrum, TakesAnyRows) {
  ExpectTame("ar_krum", 11, 3);
  ExpectTame("ar_krum", 5, 1);
  ExpectTame("ar_krum", 5, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
