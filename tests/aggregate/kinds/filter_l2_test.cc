#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

// The published loop: the farthest row leaves the list in every pass.
std::vector<double> Slow(Rows rows, std::int64_t f, double sigma) {
  std::vector<double> weights(rows.size(), 1.0);
  for (std::int64_t pass = 0; pass < 2 * f; ++pass) {
    const std::vector<double> mean = DirectWeighted(rows, weights);
    const DirectTop top = DirectTopOf(rows, weights);
    if (top.value * top.value <= 20.0 * sigma * sigma) return mean;
    std::vector<double> squares;
    for (const auto& row : rows) {
      double along = 0.0;
      for (std::size_t k = 0; k < row.size(); ++k) {
        along += (row[k] - mean[k]) * top.direction[k];
      }
      squares.push_back(along * along);
    }
    const auto most = std::max_element(squares.begin(), squares.end());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      weights[i] *= 1.0 - squares[i] / *most;
    }
    const auto place = most - squares.begin();
    rows.erase(rows.begin() + place);
    weights.erase(weights.begin() + place);
  }
  return DirectWeighted(rows, weights);
}

TEST(FilterL2, KeepsTheMeanWithinTheBound) {
  // The variance of A along (1, 1, 1) is 27 * 2 / 3 = 18 = sqrt(20) * 4.0249.
  EXPECT_THAT(ResultOf("{name: filter_l2, f: 1, sigma: 4.03}", InputA()).kept,
              ElementsAre(0, 1, 2));
  EXPECT_THAT(ResultOf("{name: filter_l2, f: 1, sigma: 4.02}", InputA()).kept,
              ElementsAre(1));
  EXPECT_THAT(
      ResultOf("{name: filter_l2, f: 1, sigma: 9.1, expansion: 4}", InputA())
          .kept,
      ElementsAre(0, 1, 2));
}

TEST(FilterL2, EqualsItsSlowVersion) {
  for (const double sigma : {0.01, 1.0, 20.0}) {
    ExpectSlow(
        "{name: filter_l2, f: F, sigma: " + std::to_string(sigma) + "}",
        [](std::int64_t f) { return 2 * f + 3; },
        [sigma](const Rows& rows, std::int64_t f) {
          return Slow(rows, f, sigma);
        });
  }
}

TEST(FilterL2, KeepsTheLastMeanWhereAllWeightsFallAtOnce) {
  EXPECT_THAT(ResultOf("{name: filter_l2, f: 1, sigma: 0}",
                       {{1, 0}, {-1, 0}, {1, 0}, {-1, 0}})
                  .vector,
              Pointwise(DoubleNear(1e-12), std::vector<double>{0, 0}));
}

TEST(FilterL2, NamesNAndFWhereTheyDoNotFit) {
  const Pipeline rule = PipelineFrom({}, "{name: filter_l2, f: 2, sigma: 1}");
  EXPECT_EQ(rule.Obstacle(5, 0), "");
  EXPECT_THAT(rule.Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(FilterL2, TakesAnyRows) {
  ExpectTame("{name: filter_l2, f: 3, sigma: 1}", 10, 3);
  ExpectTame("{name: filter_l2, f: 3, sigma: 0}", 7, 3);
  ExpectTame("{name: filter_l2, f: 0, sigma: 1}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
