#include "fedtorch/core/errors.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

// Coordinates with all combinations of signs: the mean up with positive,
// negative and zero minimum, down with negative, positive and zero maximum, and
// a mean of 0.
const std::vector<std::vector<double>> kRows = {
    {2.0, -1.0, 0.0, -2.0, 1.0, 0.0, -5.0},
    {3.0, 4.0, 5.0, -3.0, -4.0, -5.0, 5.0},
    {4.0, 6.0, 1.0, -4.0, -6.0, -1.0, 0.0}};
// Where copies must lie, near end first, for b = 4.
const std::vector<std::vector<double>> kIntervals = {{2.0, 0.5},
                                                     {-1.0, -4.0},
                                                     {0.0, 0.0},
                                                     {-2.0, -0.5},
                                                     {1.0, 4.0},
                                                     {0.0, 0.0},
                                                     {0.0, 0.0}};

TEST(FangTrimmedMean, LiesBesideTheValuesOnTheSideAgainstTheMean) {
  Stage stage{.known = kRows, .num_byzantine = 400};
  const auto vectors =
      stage.Play(*FromText("{name: fang_trimmed_mean, b: 4}")).vectors;
  ASSERT_EQ(vectors.size(), 400U);
  for (std::size_t k = 0; k < kIntervals.size(); ++k) {
    const auto [low, high] =
        std::minmax(kIntervals[k].front(), kIntervals[k].back());
    double least = vectors[0][k];
    double most = vectors[0][k];
    double sum = 0.0;
    for (const auto& vector : vectors) {
      EXPECT_GE(vector[k], low);
      EXPECT_LE(vector[k], high);
      least = std::min(least, vector[k]);
      most = std::max(most, vector[k]);
      sum += vector[k] / 400.0;
    }
    // All of the interval is used, evenly.
    EXPECT_NEAR(least, low, 0.03 * (high - low));
    EXPECT_NEAR(most, high, 0.03 * (high - low));
    EXPECT_NEAR(sum, 0.5 * (low + high), 0.08 * (high - low));
  }
  EXPECT_EQ(stage.known, kRows);
}

TEST(FangTrimmedMean, LeavesNoCoordinateAloneThatFalls) {
  Stage stage{.known = {{-1.0, -5.0}, {-2.0, -6.0}, {-3.0, -7.0}}};
  const auto vector = stage.Play(*FromText("fang_trimmed_mean")).vectors.at(0);
  EXPECT_LE(vector[0], -0.5);
  EXPECT_GE(vector[0], -1.0);
  EXPECT_LE(vector[1], -2.5);
  EXPECT_GE(vector[1], -5.0);
}

TEST(FangTrimmedMean, MayMeasureFromMeanAndDeviation) {
  // mu = 4, sigma = sqrt(6) with divisor n, and the same the other way.
  Stage stage{.known = {{1.0, -1.0}, {4.0, -4.0}, {7.0, -7.0}},
              .num_byzantine = 50};
  const double sigma = std::sqrt(6.0);
  for (const auto& vector :
       stage.Play(*FromText("{name: fang_trimmed_mean, form: deviation}"))
           .vectors) {
    EXPECT_LE(vector[0], 4.0 - 3.0 * sigma);
    EXPECT_GE(vector[0], 4.0 - 4.0 * sigma);
    EXPECT_GE(vector[1], -4.0 + 3.0 * sigma);
    EXPECT_LE(vector[1], -4.0 + 4.0 * sigma);
  }
  EXPECT_THROW(FromText("{name: fang_trimmed_mean, form: deviation, b: 3}"),
               core::ConfigError);
}

TEST(FangTrimmedMean, DependsOnSeedAndRoundOnly) {
  Stage stage{.known = InputB(), .num_byzantine = 2};
  const auto attack = FromText("fang_trimmed_mean");
  const auto vectors = stage.Play(*attack).vectors;
  EXPECT_EQ(stage.Play(*attack).vectors, vectors);
  EXPECT_NE(vectors[0], vectors[1]);
  stage.context.round = 2;
  EXPECT_NE(stage.Play(*attack).vectors, vectors);
}

}  // namespace
}  // namespace fedtorch::attack
