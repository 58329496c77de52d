#include "fedtorch/engine/step_rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace fedtorch::engine {
namespace {

TEST(ApplyStep, IsTheFormulaByHand) {
  // w = 2, g = 0.5, wd = 0.1, prox = 3, anchor = 1, linear = -0.2, m = 0.9,
  // v = 4: h = 0.5 + 0.2 + 3 - 0.2 = 3.5; v = 3.6 + 3.5 = 7.1; w = 2 - 0.71.
  std::vector<double> weights{2.0};
  std::vector<double> velocity{4.0};
  const std::vector<double> gradient{0.5};
  const std::vector<double> anchor{1.0};
  const std::vector<double> linear{-0.2};
  const StepRule<double> rule{.lr = 0.1,
                              .momentum = 0.9,
                              .weight_decay = 0.1,
                              .prox = 3.0,
                              .anchor = anchor,
                              .linear = linear};
  ApplyStep(rule, gradient.data(), 0, 1, weights.data(), velocity.data());
  EXPECT_DOUBLE_EQ(velocity[0], 7.1);
  EXPECT_DOUBLE_EQ(weights[0], 1.29);
}

TEST(ApplyStep, AddsNothingAtTheAnchor) {
  // The proximal term vanishes exactly at w = anchor, so mu cannot change the
  // first step by a bit.
  for (int i = 1; i < 100; ++i) {
    const float start = 0.1F * static_cast<float>(i);
    const std::vector<float> anchor{start};
    const std::vector<float> gradient{0.3F};
    std::vector<float> plain{start};
    std::vector<float> prox{start};
    ApplyStep(StepRule<float>{.lr = 0.1},
              gradient.data(),
              0,
              1,
              plain.data(),
              static_cast<float*>(nullptr));
    ApplyStep(StepRule<float>{.lr = 0.1, .prox = 0.7, .anchor = anchor},
              gradient.data(),
              0,
              1,
              prox.data(),
              static_cast<float*>(nullptr));
    EXPECT_EQ(plain, prox);
  }
}

TEST(ApplyStep, TakesTheSliceAtItsOffset) {
  std::vector<double> weights{1.0, 1.0, 1.0};
  const std::vector<double> linear{0.0, 10.0, 20.0};
  const std::vector<double> gradient{0.0};
  ApplyStep(StepRule<double>{.lr = 1.0, .linear = linear},
            gradient.data(),
            2,
            1,
            weights.data() + 2,
            static_cast<double*>(nullptr));
  EXPECT_EQ(weights, (std::vector<double>{1.0, 1.0, -19.0}));
}

// Closed forms of algorithms 2.5.
TEST(SolverNorm, IsTheClosedForm) {
  const double lr = 0.05;
  const double rho = 0.9;
  const double mu = 0.7;
  SolverNorm plain;
  SolverNorm momentum;
  SolverNorm proximal;
  for (int tau = 1; tau <= 50; ++tau) {
    plain.Step(lr, 0.0, 0.0);
    momentum.Step(lr, rho, 0.0);
    proximal.Step(lr, 0.0, mu);
    EXPECT_NEAR(plain.Value(lr), tau, 1e-12);
    EXPECT_NEAR(momentum.Value(lr),
                (tau - rho * (1 - std::pow(rho, tau)) / (1 - rho)) / (1 - rho),
                1e-10);
    EXPECT_NEAR(proximal.Value(lr),
                (1 - std::pow(1 - lr * mu, tau)) / (lr * mu),
                1e-10);
  }
}

}  // namespace
}  // namespace fedtorch::engine
