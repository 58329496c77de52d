#include "fedtorch/study/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace fedtorch::study {
namespace {

// One degree of freedom is the Cauchy law: t = tan(pi/2 * level); two have the
// closed form t = level * sqrt(2 / (1 - level^2)).
TEST(StudentQuantile, HasClosedFormsForOneAndTwoDegrees) {
  for (const double level : {0.5, 0.8, 0.95, 0.99}) {
    EXPECT_NEAR(StudentQuantile(level, 1),
                std::tan(0.5 * std::acos(-1.0) * level),
                1e-8)
        << level;
    EXPECT_NEAR(StudentQuantile(level, 2),
                level * std::sqrt(2.0 / (1.0 - level * level)),
                1e-9)
        << level;
  }
}

// Table of Student's t, two-sided 95 %, e.g. NIST e-Handbook 1.3.6.7.2.
TEST(StudentQuantile, AgreesWithThePublishedTable) {
  EXPECT_NEAR(StudentQuantile(0.95, 3), 3.182, 5e-4);
  EXPECT_NEAR(StudentQuantile(0.95, 4), 2.776, 5e-4);
  EXPECT_NEAR(StudentQuantile(0.95, 9), 2.262, 5e-4);
  EXPECT_NEAR(StudentQuantile(0.95, 30), 2.042, 5e-4);
  EXPECT_NEAR(StudentQuantile(0.95, 100), 1.984, 5e-4);
}

// I_x(1, b) = 1 - (1 - x)^b and I_x(a, 1) = x^a (DLMF 8.17.7).
TEST(IncompleteBeta, HasClosedForms) {
  for (const double x : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    EXPECT_NEAR(
        IncompleteBeta(1.0, 3.5, x), 1.0 - std::pow(1.0 - x, 3.5), 1e-13);
    EXPECT_NEAR(IncompleteBeta(2.5, 1.0, x), std::pow(x, 2.5), 1e-13);
    EXPECT_NEAR(IncompleteBeta(2.0, 5.0, x) + IncompleteBeta(5.0, 2.0, 1.0 - x),
                1.0,
                1e-13);
  }
}

TEST(Describe, GivesMeanDeviationAndInterval) {
  const Spread spread = Describe(std::vector<double>{1.0, 2.0, 3.0, 4.0});
  EXPECT_EQ(spread.count, 4u);
  EXPECT_DOUBLE_EQ(spread.mean, 2.5);
  EXPECT_DOUBLE_EQ(spread.deviation, std::sqrt(5.0 / 3.0));
  // 3.182446... * sqrt(5/3) / 2, the quantile from the table.
  EXPECT_NEAR(spread.half_width, 3.182446 * std::sqrt(5.0 / 3.0) / 2.0, 1e-5);
}

TEST(Describe, KnowsWhatFewValuesCannotSay) {
  EXPECT_EQ(Describe(std::vector<double>{}).count, 0u);
  EXPECT_TRUE(std::isnan(Describe(std::vector<double>{}).mean));
  const Spread one = Describe(std::vector<double>{0.7});
  EXPECT_EQ(one.mean, 0.7);
  EXPECT_EQ(one.deviation, 0.0);
  EXPECT_TRUE(std::isnan(one.half_width));
  // The sum of three times 0.1 is not 0.3.
  const Spread equal = Describe(std::vector<double>{0.1, 0.1, 0.1});
  EXPECT_EQ(equal.mean, 0.1);
  EXPECT_EQ(equal.deviation, 0.0);
  EXPECT_EQ(equal.half_width, 0.0);
}

}  // namespace
}  // namespace fedtorch::study
