#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

// The definition, word for word: the values by their distance to the centre,
// of equal distances the lowest row first.
std::vector<double> Slow(const Rows& rows, std::size_t f) {
  std::vector<double> out;
  const std::size_t n = rows.size();
  for (std::size_t k = 0; k < rows.front().size(); ++k) {
    std::vector<double> sorted;
    for (const auto& row : rows) sorted.push_back(row[k]);
    std::sort(sorted.begin(), sorted.end());
    const double centre = 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]);
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

TEST(Meamed, TakesTheLowestRowOfATie) {
  EXPECT_THAT(Joined("{name: meamed, f: 1}", InputA()),
              ElementsAre(2.5, 3.5, 4.5));
  // The other way round the other end is nearer to the first row.
  EXPECT_THAT(Joined("{name: meamed, f: 1}", {{7}, {4}, {1}}),
              ElementsAre(5.5));
}

TEST(Meamed, EqualsASlowOne) {
  std::uint64_t seed = 0;
  for (const std::int64_t n : {1, 2, 5, 10, 33}) {
    for (const std::int64_t d : {1, 17, 300}) {
      const Rows rows = DrawRows(++seed, n, d);
      for (const std::int64_t f :
           {std::int64_t{0}, std::int64_t{1}, n / 5, (n - 1) / 2}) {
        if (2 * f >= n) continue;
        for (const bool as_float : {false, true}) {
          EXPECT_THAT(Joined("meamed", rows, {.f = f}, as_float),
                      Pointwise(DoubleNear(1e-13),
                                Slow(rows, static_cast<std::size_t>(f))));
        }
      }
    }
  }
}

TEST(Meamed, HandlesManyTies) {
  // Small whole numbers: nearly every column has ties.
  Rows rows = DrawRows(60, 9, 400);
  for (auto& row : rows) {
    for (double& value : row) value = std::round(value);
  }
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(Joined("{name: meamed, f: 3}", rows, {}, as_float),
                Pointwise(DoubleNear(1e-13), Slow(rows, 3)));
  }
}

TEST(Meamed, IsTheMeanWithoutAdversaries) {
  EXPECT_THAT(Joined("{name: meamed, f: 0}", InputB()),
              ElementsAre(1.25, 2.25, 2.0));
}

TEST(Meamed, NamesNAndF) {
  const Pipeline rule = PipelineFrom({}, "{name: meamed, f: 2}");
  EXPECT_EQ(rule.Obstacle(5, 0), "");
  EXPECT_EQ(rule.Obstacle(4, 0),
            "meamed needs n > 2f = 4 updates, found n = 4 with f = 2");
}

TEST(Meamed, SurvivesAnything) {
  ExpectSurvives("meamed", 10, 3, /*bounded=*/true);
  ExpectSurvives("meamed", 7, 3, /*bounded=*/true);
}

}  // namespace
}  // namespace fedtorch::aggregate
