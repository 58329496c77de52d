#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> SlowMedian(const Rows& rows) {
  std::vector<double> median;
  for (std::size_t k = 0; k < rows.front().size(); ++k) {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(row[k]);
    std::sort(column.begin(), column.end());
    median.push_back(
        0.5 * (column[(column.size() - 1) / 2] + column[column.size() / 2]));
  }
  return median;
}

std::vector<double> Slow(const Rows& rows, std::int64_t count) {
  const std::vector<double> median = SlowMedian(rows);
  std::vector<double> distances;
  for (const auto& row : rows) distances.push_back(DirectSquared(row, median));
  return DirectMean(rows, DirectSmallest(distances, count));
}

TEST(Aksel, AveragesTheNearestHalf) {
  // The median is row 1; rows 0 and 2 are equally near, the first wins.
  const Result result = ResultOf("{name: aksel, f: 1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.scores, ElementsAre(27.0, 0.0, 27.0));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(Aksel, EqualsItsSlowVersion) {
  const auto least = [](std::int64_t f) { return 2 * f + 1; };
  ExpectSlow("{name: aksel, f: F}", least, [](const Rows& rows, std::int64_t) {
    return Slow(rows, (static_cast<std::int64_t>(rows.size()) + 1) / 2);
  });
  ExpectSlow("{name: aksel, f: F, count: n-f}",
             least,
             [](const Rows& rows, std::int64_t f) {
               return Slow(rows, static_cast<std::int64_t>(rows.size()) - f);
             });
}

TEST(Aksel, CountsHalfOrAllButF) {
  EXPECT_EQ(ResultOf("{name: aksel, f: 1}", InputC()).kept.size(), 4u);
  EXPECT_THAT(ResultOf("{name: aksel, f: 1, count: n-f}", InputC()).kept,
              ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Aksel, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: aksel, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: aksel, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(Aksel, TakesAnyRows) {
  ExpectTame("{name: aksel, f: 3}", 7, 3);
  ExpectTame("{name: aksel, f: 3, count: n-f}", 7, 3);
  ExpectTame("{name: aksel, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
