#include "fedtorch/core/stream.h"
#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

TEST(MedianOfMeans, IsTheGeometricMedianOfBucketMeans) {
  const Rows rows = DrawRows(1, 11, 40);
  const Context context{.seed = 7, .round = 4};
  // The order that the rule draws.
  std::vector<std::size_t> order(11);
  std::iota(order.begin(), order.end(), std::size_t{0});
  core::Stream::Named(7, "median_of_means", {4}).Shuffle(std::span(order));
  Rows means;
  for (std::size_t first = 0; first < 11; first += 3) {
    const std::size_t last = std::min<std::size_t>(first + 3, 11);
    std::vector<double>& mean = means.emplace_back(40);
    for (std::size_t i = first; i < last; ++i) {
      for (std::size_t k = 0; k < 40; ++k) {
        mean[k] += rows[order[i]][k] / static_cast<double>(last - first);
      }
    }
  }
  for (const std::string keys :
       {"", ", start: zero, relative: false, nu: 0.1, iterations: 3"}) {
    const std::vector<double> expected =
        Joined("{name: geometric_median" + keys + "}", means);
    for (const bool as_float : {false, true}) {
      EXPECT_THAT(
          Joined("{name: median_of_means, f: 1, bucket_size: 3" + keys + "}",
                 rows,
                 context,
                 as_float),
          Pointwise(DoubleNear(as_float ? 1e-5 : 1e-9), expected));
    }
  }
}

TEST(MedianOfMeans, OfOneRowABucketIsTheGeometricMedian) {
  const Rows rows = DrawRows(2, 8, 20);
  EXPECT_THAT(Joined("{name: median_of_means, bucket_size: 1}", rows),
              Pointwise(DoubleNear(1e-7), Joined("geometric_median", rows)));
}

TEST(MedianOfMeans, DrawsAnewEveryRound) {
  const Rows rows = DrawRows(3, 12, 20);
  const std::string rule = "{name: median_of_means, f: 2}";
  const std::vector<double> first = Joined(rule, rows, {.seed = 1, .round = 1});
  EXPECT_EQ(Joined(rule, rows, {.seed = 1, .round = 1}), first);
  EXPECT_NE(Joined(rule, rows, {.seed = 1, .round = 2}), first);
  EXPECT_NE(Joined(rule, rows, {.seed = 2, .round = 1}), first);
}

TEST(MedianOfMeans, NeedsMoreThanTwoBucketsAnAdversary) {
  const Pipeline rule = PipelineFrom({}, "{name: median_of_means, f: 2}");
  EXPECT_EQ(rule.Obstacle(9, 0), "");
  EXPECT_EQ(rule.Obstacle(8, 0),
            "median_of_means needs more than 2f = 4 buckets, found n = 8 "
            "updates in 4 buckets with f = 2");
  EXPECT_EQ(PipelineFrom({}, "{name: median_of_means, f: 2, bucket_size: 1}")
                .Obstacle(5, 0),
            "");
  EXPECT_TRUE(PipelineFrom({}, "median_of_means").needs_declared_f());
}

TEST(MedianOfMeans, SurvivesAnything) {
  ExpectSurvives("median_of_means", 13, 3, /*bounded=*/true);
  // From a mean that is far off a hundred steps do not lead back.
  ExpectSurvives("{name: median_of_means, start: mean}", 9, 2, false);
}

}  // namespace
}  // namespace fedtorch::aggregate
