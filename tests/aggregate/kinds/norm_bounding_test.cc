#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

TEST(NormBounding, AveragesShortenedRows) {
  // Lengths 5 and 1; only the first is longer than 2.
  const Rows rows = {{3, 4}, {0, -1}};
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(
        Joined(
            "{name: norm_bounding, max_norm: 2, noise: 0}", rows, {}, as_float),
        Pointwise(DoubleNear(1e-7), {0.6, 0.3}));
  }
  EXPECT_DOUBLE_EQ(ResultOf("{name: norm_bounding, max_norm: 2}", rows)
                       .diagnostics.at("aggregate/clipped_share"),
                   0.5);
}

TEST(NormBounding, LeavesAZeroRowAlone) {
  EXPECT_THAT(Joined("{name: norm_bounding, noise: 0}", {{0, 0}, {2, 2}}),
              ElementsAre(1.0, 1.0));
}

TEST(NormBounding, IsStaticClippingAndMeanWithoutNoise) {
  const Rows rows = DrawRows(9, 7, 60);
  const Pipeline stages =
      PipelineFrom({"{name: static_clipping, max_norm: 8}"}, "mean");
  EXPECT_THAT(
      Joined("{name: norm_bounding, max_norm: 8, noise: 0}", rows),
      Pointwise(DoubleNear(1e-12), stages.Aggregate(TableOf(rows), {}).vector));
}

TEST(NormBounding, AddsNoiseAfterTheMean) {
  // Of zero rows nothing is left but the noise; were it added to each of 100
  // rows, its deviation would be a tenth.
  const Rows rows(100, std::vector<double>(20000));
  const std::string rule = "{name: norm_bounding, noise: 0.5}";
  const std::vector<double> noise = Joined(rule, rows, {.seed = 1, .round = 2});
  double sum = 0.0;
  double squares = 0.0;
  for (const double value : noise) {
    sum += value;
    squares += value * value;
  }
  // Five standard deviations of the moments of 20000 draws.
  EXPECT_NEAR(sum / 20000, 0.0, 5 * 0.5 / std::sqrt(20000.0));
  EXPECT_NEAR(squares / 20000, 0.25, 5 * 0.25 * std::sqrt(2.0 / 20000.0));
  EXPECT_EQ(Joined(rule, rows, {.seed = 1, .round = 2}), noise);
  EXPECT_NE(Joined(rule, rows, {.seed = 1, .round = 3}), noise);
  EXPECT_NE(Joined(rule, rows, {.seed = 2, .round = 2}), noise);
}

TEST(NormBounding, DrawsTheSameNoiseOnAnyNumberOfThreads) {
  const Rows rows = DrawRows(11, 5, 30000);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1u, 4u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(Joined("norm_bounding", rows));
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(NormBounding, TellsItsCoefficientsOnlyWithoutNoise) {
  const Rows rows = DrawRows(10, 4, 5);
  const UpdateTable table = TableOf(rows);
  EXPECT_FALSE(PipelineFrom({}, "norm_bounding")
                   .Coefficients(Inputs(table), {})
                   .has_value());
  const auto coefficients = PipelineFrom({}, "{name: norm_bounding, noise: 0}")
                                .Coefficients(Inputs(table), {});
  ASSERT_TRUE(coefficients.has_value());
  EXPECT_THAT(Inputs(table).Combine(*coefficients),
              Pointwise(DoubleNear(1e-12),
                        Joined("{name: norm_bounding, noise: 0}", rows)));
}

TEST(NormBounding, SurvivesAnything) {
  ExpectSurvives("norm_bounding", 10, 3, /*bounded=*/true);
}

}  // namespace
}  // namespace fedtorch::aggregate
