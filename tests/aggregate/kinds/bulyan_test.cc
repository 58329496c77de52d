#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

double Plain(double squared) { return squared; }

// Mean, for every coordinate, of the values nearest to the median.
std::vector<double> NearMedians(const Rows& rows, std::int64_t kept) {
  std::vector<double> out;
  for (std::size_t k = 0; k < rows.front().size(); ++k) {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(row[k]);
    std::vector<double> sorted = column;
    std::sort(sorted.begin(), sorted.end());
    const double median =
        0.5 * (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]);
    std::vector<double> away;
    for (const double value : column) away.push_back(std::fabs(value - median));
    double sum = 0.0;
    for (const std::int64_t row : DirectSmallest(away, kept)) {
      sum += column[static_cast<std::size_t>(row)];
    }
    out.push_back(sum / static_cast<double>(kept));
  }
  return out;
}

std::vector<double> ScoresOf(const Rows& rows,
                             const Subset& left,
                             std::int64_t f) {
  const auto size = static_cast<std::int64_t>(left.size());
  const std::int64_t neighbours =
      std::min(size - 1, std::max<std::int64_t>(1, size - f - 2));
  return DirectKrumScores(rows, left, neighbours, Plain);
}

std::vector<double> Slow(const Rows& rows, std::int64_t f, bool averages) {
  const auto n = static_cast<std::int64_t>(rows.size());
  Subset left(rows.size());
  std::iota(left.begin(), left.end(), 0);
  Subset chosen;
  Rows means;
  const std::int64_t count = n - 2 * f - (averages ? 2 : 0);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::vector<double> scores = ScoresOf(rows, left, f);
    Subset best;
    for (const std::int64_t place : DirectSmallest(scores, n - k - f - 2)) {
      best.push_back(left[static_cast<std::size_t>(place)]);
    }
    if (averages) means.push_back(DirectMean(rows, best));
    const std::int64_t first = DirectSmallest(scores, 1).front();
    chosen.push_back(left[static_cast<std::size_t>(first)]);
    left.erase(left.begin() + first);
  }
  if (averages) return NearMedians(means, count - 2 * f);
  std::sort(chosen.begin(), chosen.end());
  Rows selected;
  for (const std::int64_t row : chosen) {
    selected.push_back(rows[static_cast<std::size_t>(row)]);
  }
  return NearMedians(selected, count - 2 * f);
}

TEST(Bulyan, EqualsItsSlowVersion) {
  const auto least = [](std::int64_t f) { return 4 * f + 3; };
  ExpectSlow(
      "{name: bulyan, f: F}", least, [](const Rows& rows, std::int64_t f) {
        return Slow(rows, f, false);
      });
  ExpectSlow(
      "{name: bulyan, f: F, selection: multi_krum}",
      least,
      [](const Rows& rows, std::int64_t f) { return Slow(rows, f, true); });
}

TEST(Bulyan, ChoosesAsKrumDoesOfTheRowsLeft) {
  // Calls of krum on ever fewer rows, down to the n = 2f + 3 it accepts; the
  // rows not chosen by then are two more than Bulyan leaves.
  const Rows rows = DrawRows(3, 11, 30, 2);
  Rows left = rows;
  Subset names(rows.size());
  std::iota(names.begin(), names.end(), 0);
  Subset chosen;
  while (left.size() >= 7) {
    const std::int64_t best = ResultOf("{name: krum, f: 2}", left).kept.front();
    chosen.push_back(names[static_cast<std::size_t>(best)]);
    left.erase(left.begin() + best);
    names.erase(names.begin() + best);
  }
  EXPECT_EQ(chosen.size(), 5u);
  EXPECT_THAT(ResultOf("{name: bulyan, f: 2}", rows).kept,
              testing::IsSupersetOf(chosen));
  EXPECT_EQ(ResultOf("{name: bulyan, f: 2}", rows).kept.size(), 7u);
}

TEST(Bulyan, SecondStageDropsOneExtremeCoordinate) {
  // One of the chosen rows is near all others but for one coordinate of many.
  Rows rows = DrawRows(4, 11, 4000, 0);
  rows[0].assign(4000, 100.0);
  rows[1].assign(4000, -100.0);
  double usual = 0.0;
  for (std::size_t i = 2; i < 11; ++i) usual += rows[i][7] / 9.0;
  const std::int64_t chosen = ResultOf("{name: krum, f: 2}", rows).kept.front();
  rows[static_cast<std::size_t>(chosen)][7] = usual + 6.0;
  const Result result = ResultOf("{name: bulyan, f: 2}", rows);
  ASSERT_THAT(result.kept, testing::Contains(chosen));
  ASSERT_EQ(result.kept.size(), 7u);
  // Without that row's value: the mean of three of the six others.
  Rows others;
  for (const std::int64_t row : result.kept) {
    if (row != chosen)
      others.push_back({rows[static_cast<std::size_t>(row)][7]});
  }
  const auto [low, high] = std::minmax_element(others.begin(), others.end());
  EXPECT_GE(result.vector[7], low->front());
  EXPECT_LE(result.vector[7], high->front());
  EXPECT_GT(std::fabs(DirectMean(rows, result.kept)[7] - result.vector[7]),
            0.3);
}

TEST(Bulyan, ChoosesRowsOrAverages) {
  const Rows rows = DrawRows(5, 9, 10, 1);
  EXPECT_NE(
      ResultOf("{name: bulyan, f: 1}", rows).vector,
      ResultOf("{name: bulyan, f: 1, selection: multi_krum}", rows).vector);
}

TEST(Bulyan, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Rows rows = DrawRows(6, 11, 20000, 2);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1u, 4u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(ResultOf("{name: bulyan, f: 2}", rows).vector);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(Bulyan, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: bulyan, f: 2}").Obstacle(11, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: bulyan, f: 2}").Obstacle(10, 0),
              HasSubstr("n >= 4f + 3 = 11 updates, found n = 10 with f = 2"));
}

TEST(Bulyan, TakesAnyRows) {
  for (const std::string selection : {"krum", "multi_krum"}) {
    ExpectTame("{name: bulyan, f: 2, selection: " + selection + "}", 11, 2);
    ExpectTame("{name: bulyan, f: 1, selection: " + selection + "}", 7, 1);
    ExpectTame("{name: bulyan, f: 0, selection: " + selection + "}", 3, 0);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
