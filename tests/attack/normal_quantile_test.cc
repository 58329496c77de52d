#include "fedtorch/attack/normal_quantile.h"

#include "fedtorch/attack/alie_strength.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace fedtorch::attack {
namespace {

// Values of tables with more digits than a double has.
TEST(NormalQuantile, AgreesWithTables) {
  EXPECT_EQ(NormalQuantile(0.5), 0.0);
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(NormalQuantile(0.9), 1.2815515655446004, 1e-14);
  EXPECT_NEAR(NormalQuantile(0.6), 0.2533471031357997, 1e-14);
  EXPECT_NEAR(NormalQuantile(1e-10), -6.361340902404056, 1e-12);
  EXPECT_NEAR(NormalQuantile(1e-300), -37.04709629936120, 1e-12);
}

TEST(NormalQuantile, InvertsTheDistribution) {
  for (double x = -8.0; x <= 5.0; x += 0.0625) {
    const double p = 0.5 * std::erfc(-x / std::numbers::sqrt2);
    // Near 1 a rounding of p moves x by more.
    const double density =
        std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1));
    EXPECT_NEAR(NormalQuantile(p), x, 1e-12 + 2e-16 / density) << x;
  }
}

TEST(NormalQuantile, IsOddAndHasEnds) {
  for (const double p : {0.0078125, 0.125, 0.25, 0.375}) {
    EXPECT_EQ(NormalQuantile(p), -NormalQuantile(1.0 - p));
  }
  EXPECT_EQ(NormalQuantile(0.0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(NormalQuantile(1.0), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(
      std::isfinite(NormalQuantile(std::numeric_limits<double>::denorm_min())));
  EXPECT_TRUE(
      std::isnan(NormalQuantile(std::numeric_limits<double>::quiet_NaN())));
}

TEST(AlieStrength, MatchesTheTable) {
  EXPECT_NEAR(AlieStrength(10, 2), 0.0000, 5e-5);
  EXPECT_NEAR(AlieStrength(11, 2), 0.1397, 5e-5);
  EXPECT_NEAR(AlieStrength(25, 5), 0.2533, 5e-5);
  EXPECT_NEAR(AlieStrength(50, 10), 0.2533, 5e-5);
  EXPECT_NEAR(AlieStrength(17, 4), 0.2934, 5e-5);
  EXPECT_NEAR(AlieStrength(25, 11), 1.0676, 5e-5);
  EXPECT_NEAR(AlieStrength(100, 20), 0.2858, 5e-5);
  EXPECT_NEAR(AlieStrength(200, 80), 0.9346, 5e-5);
}

}  // namespace
}  // namespace fedtorch::attack
