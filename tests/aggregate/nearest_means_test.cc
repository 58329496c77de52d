// meamed and phocas: the mean of the n - f values nearest to a centre, which is
// the median for one and the trimmed mean for the other.
#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

// The definition, word for word: the values by their distance to the centre,
// of equal distances the lowest row first.
std::vector<double> Slow(const std::string& name,
                         const Rows& rows,
                         std::size_t f) {
  std::vector<double> out;
  const std::size_t n = rows.size();
  for (std::size_t k = 0; k < rows.front().size(); ++k) {
    std::vector<double> sorted;
    for (const auto& row : rows) sorted.push_back(row[k]);
    std::sort(sorted.begin(), sorted.end());
    double centre = 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]);
    if (name == "phocas") {
      centre = 0.0;
      for (std::size_t i = f; i < n - f; ++i) centre += sorted[i];
      centre /= static_cast<double>(n - 2 * f);
    }
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < n; ++i) {
      order.emplace_back(std::fabs(rows[i][k] - centre), i);
    }
    std::sort(order.begin(), order.end());
    double sum = 0.0;
    for (std::size_t i = 0; i < n - f; ++i) sum += rows[order[i].second][k];
    out.push_back(sum / static_cast<double>(n - f));
  }
  return out;
}

class NearestMeans : public testing::TestWithParam<std::string> {
 protected:
  static std::string Rule(const std::string& keys) {
    return "{name: " + GetParam() + ", " + keys + "}";
  }
};

TEST_P(NearestMeans, TakesTheLowestRowOfATie) {
  EXPECT_THAT(Joined(Rule("f: 1"), InputA()), ElementsAre(2.5, 3.5, 4.5));
  // The other way round the other end is nearer to the first row.
  EXPECT_THAT(Joined(Rule("f: 1"), {{7}, {4}, {1}}), ElementsAre(5.5));
}

TEST_P(NearestMeans, EqualsASlowOne) {
  ExpectEquals(
      GetParam(), {1, 2, 5, 10, 33}, [](const Rows& rows, std::size_t f) {
        return Slow(GetParam(), rows, f);
      });
}

TEST_P(NearestMeans, HandlesManyTies) {
  // Small whole numbers: nearly every column has ties.
  Rows rows = DrawRows(60, 9, 400);
  for (auto& row : rows) {
    for (double& value : row) value = std::round(value);
  }
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(Joined(Rule("f: 3"), rows, {}, as_float),
                Pointwise(DoubleNear(1e-13), Slow(GetParam(), rows, 3)));
  }
}

TEST_P(NearestMeans, IsTheMeanWithoutAdversaries) {
  EXPECT_THAT(Joined(Rule("f: 0"), InputB()), ElementsAre(1.25, 2.25, 2.0));
}

TEST_P(NearestMeans, NamesNAndF) {
  const Pipeline rule = PipelineFrom({}, Rule("f: 2"));
  EXPECT_EQ(rule.Obstacle(5, 0), "");
  EXPECT_EQ(rule.Obstacle(4, 0),
            GetParam() + " needs n > 2f = 4 updates, found n = 4 with f = 2");
}

TEST_P(NearestMeans, SurvivesAnything) {
  ExpectSurvives(GetParam(), 10, 3, /*bounded=*/true);
  ExpectSurvives(GetParam(), 7, 3, /*bounded=*/true);
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         NearestMeans,
                         testing::Values("meamed", "phocas"),
                         [](const auto& kind) { return kind.param; });

TEST(Phocas, LooksAroundTheTrimmedMeanNotTheMedian) {
  // The median is 0, and 10 is farther from it than -8; the trimmed mean is
  // (0 + 0 + 10) / 3, and from there -8 is the farthest.
  const Rows rows = {{-8}, {0}, {0}, {10}, {11}};
  EXPECT_THAT(Joined("{name: phocas, f: 1}", rows), ElementsAre(5.25));
  EXPECT_THAT(Joined("{name: meamed, f: 1}", rows), ElementsAre(0.5));
}

}  // namespace
}  // namespace fedtorch::aggregate
