#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(Ascent, MirrorsEachStep) {
  const auto attack = FromText("{name: ascent, scale: 2}");
  EXPECT_EQ(attack->target(), nullptr);
  const std::vector<float> model{1.0F, -2.0F};
  const auto tampering = attack->Tamper({.model = model});
  std::vector<float> weights{0.5F, -2.0F};  // stepped by (-0.5, 0)
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(2.0F, -2.0F));
  weights = {2.25F, -3.0F};  // stepped by (0.25, -1) from where it had led
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(1.5F, 0.0F));
  std::vector<float> delta{0.5F, 2.0F};
  tampering->AfterTraining(delta);
  EXPECT_THAT(delta, ElementsAre(0.5F, 2.0F)) << "what steps led to stays";
}

// Gradient descent on -f, written out, is what mirrored descent on f must be.
TEST(Ascent, IsDescentOnTheNegativeLossWithMomentumToo) {
  // f = 1/2 a w^2 + b w + 1/2 weight_decay w^2.
  constexpr double kSlope = 1.5;
  constexpr double kOffset = 0.75;
  constexpr double kDecay = 0.1;
  constexpr double kLr = 0.05;
  constexpr double kMomentum = 0.9;
  const auto gradient = [](double w) {
    return kSlope * w + kOffset + kDecay * w;
  };
  const std::vector<float> model{0.3F};
  const auto tampering = FromText("ascent")->Tamper({.model = model});
  std::vector<float> weights = model;
  double velocity = 0.0;
  double up = 0.3;
  double up_velocity = 0.0;
  for (int step = 0; step < 12; ++step) {
    velocity = kMomentum * velocity + gradient(weights[0]);
    weights[0] -= static_cast<float>(kLr * velocity);
    tampering->AfterStep(weights);
    up_velocity = kMomentum * up_velocity - gradient(up);
    up -= kLr * up_velocity;
  }
  EXPECT_NEAR(weights[0], up, 1e-4 * std::abs(up));
  EXPECT_GT(up, 2.0) << "up the hill";
}

TEST(Ascent, TurnsAGradientThatIsSentWithoutSteps) {
  const std::vector<float> model{0.0F, 0.0F};
  const auto tampering = FromText("ascent")->Tamper({.model = model});
  std::vector<float> delta{0.5F, -2.0F};
  tampering->AfterTraining(delta);
  EXPECT_THAT(delta, ElementsAre(-0.5F, 2.0F));
}

}  // namespace
}  // namespace fedtorch::attack
