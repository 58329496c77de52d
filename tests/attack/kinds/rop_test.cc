#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

TEST(Rop, StandsAtRightAnglesOnTheReference) {
  // v = (3, 0), mu = (0, 4): u = (1.5, 2) with lambda 0.5, of length 2.5. Of
  // (1, 1) is left (1, 1) - 1.4 (0.6, 0.8) = (0.16, -0.12), direction
  // (0.8, -0.6).
  const std::vector<double> previous = {3.0, 0.0};
  Stage stage{.known = {{0.0, 3.0}, {0.0, 5.0}}};
  stage.context.previous = previous;
  EXPECT_THAT(stage.Play(*FromText("{name: rop, lambda: 0.5, z: 10}")).vectors,
              ElementsAre(ElementsAre(DoubleNear(11.0, 1e-12),
                                      DoubleNear(-6.0, 1e-12))));
  EXPECT_THAT(
      stage.Play(*FromText("{name: rop, lambda: 0.5, z: 10, location: 0.25}"))
          .vectors,
      ElementsAre(
          ElementsAre(DoubleNear(8.75, 1e-12), DoubleNear(-3.0, 1e-12))));
  EXPECT_THAT(
      stage.Play(*FromText("{name: rop, lambda: 0.5, z: 10, angle: 180}"))
          .vectors,
      ElementsAre(
          ElementsAre(DoubleNear(-3.0, 1e-12), DoubleNear(-8.0, 1e-12))));
  EXPECT_THAT(previous, ElementsAre(3.0, 0.0));
}

TEST(Rop, BeginsAtZero) {
  Stage stage{.known = InputB()};
  const auto vector = stage.Play(*FromText("{name: rop, z: 2}")).vectors.at(0);
  EXPECT_NEAR(Dot(vector, vector), 4.0, 1e-12);
  EXPECT_NEAR(Dot(vector, {1.25, 2.25, 2.0}), 0.0, 1e-12);
}

TEST(Rop, TurnsByTheAngle) {
  const std::vector<double> previous = {1.0, -2.0, 0.5};
  Stage stage{.known = InputB()};
  stage.context.previous = previous;
  for (const int angle : {0, 30, 90, 135}) {
    auto vector = stage
                      .Play(*FromText("{name: rop, lambda: 1, angle: " +
                                      std::to_string(angle) + "}"))
                      .vectors.at(0);
    for (std::size_t k = 0; k < 3; ++k) vector[k] -= previous[k];
    EXPECT_NEAR(Dot(vector, vector), 1.0, 1e-12);
    EXPECT_NEAR(Dot(vector, previous) / std::sqrt(Dot(previous, previous)),
                std::cos(angle * std::acos(-1.0) / 180.0),
                1e-12);
  }
}

TEST(Rop, LeavesOutDirectionsThatAreNone) {
  Stage stage{.known = {{0.0, 0.0}}};
  const double part = std::sqrt(0.5);
  EXPECT_THAT(stage.Play(*FromText("rop")).vectors,
              ElementsAre(ElementsAre(DoubleNear(part, 1e-12),
                                      DoubleNear(part, 1e-12))));
  // Nothing of (1, 1) is left beside itself.
  stage.known = {{2.0, 2.0}};
  EXPECT_THAT(
      stage.Play(*FromText("{name: rop, location: 0}")).vectors,
      ElementsAre(ElementsAre(DoubleNear(2.0, 1e-12), DoubleNear(2.0, 1e-12))));
}

}  // namespace
}  // namespace fedtorch::attack
