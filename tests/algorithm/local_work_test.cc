// The instrument of this room's tests: the closed forms of ||a||_1 that
// QuadraticProblem reports, against the distance it travels.
#include "tests/support/quadratic_problem.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::support {
namespace {

// Against a constant unit gradient the solver travels lr * ||a||_1.
double TravelOverLr(const LocalWork& work, double prox) {
  const Quadratic flat{.curvature = {0.0}, .optimum = {0.0}};
  const std::vector<double> origin = {0.0};
  const std::vector<double> unit = {1.0};
  QuadraticProblem<double> problem(flat, work, origin);
  client::Correction<double> correction;
  correction.prox = prox;
  correction.anchor = origin;
  correction.linear = unit;
  problem.Train(correction);
  return -problem.weights()[0] / work.lr;
}

TEST(ClosedFormANorm, IsTheDistanceTravelledAgainstAUnitGradient) {
  for (std::int64_t tau = 1; tau <= 50; ++tau) {
    for (const double rho : {0.0, 0.5, 0.9, 0.99}) {
      const LocalWork work{.lr = 0.125, .steps = tau, .momentum = rho};
      EXPECT_NEAR(ClosedFormANorm(work, 0.0), TravelOverLr(work, 0.0), 1e-9);
    }
    const LocalWork plain{.lr = 0.125, .steps = tau};
    EXPECT_NEAR(ClosedFormANorm(plain, 0.7), TravelOverLr(plain, 0.7), 1e-11);
    const LocalWork decaying{.lr = 0.125, .steps = tau, .decay = 0.95};
    EXPECT_NEAR(
        ClosedFormANorm(decaying, 0.0), TravelOverLr(decaying, 0.0), 1e-11);
  }
}

TEST(ClosedFormANorm, OfMomentumIsTheRunningSum) {
  for (std::int64_t tau = 1; tau <= 50; ++tau) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < tau; ++k) {
      sum += (1.0 - std::pow(0.9, static_cast<double>(tau - k))) / (1.0 - 0.9);
    }
    EXPECT_NEAR(
        ClosedFormANorm({.steps = tau, .momentum = 0.9}, 0.0), sum, 1e-10);
  }
}

TEST(QuadraticProblem, JumpsToWhereTheCorrectedGradientIsZero) {
  const Quadratic objective = DrawQuadratics(1, 1, 4).front();
  const std::vector<double> start = {1.0, 2.0, 3.0, 4.0};
  const std::vector<double> linear = {0.5, -0.5, 1.5, 0.0};
  QuadraticProblem<double> problem(objective, {.exact = true}, start);
  client::Correction<double> correction;
  correction.prox = 0.3;
  correction.anchor = start;
  correction.linear = linear;
  problem.Train(correction);
  const std::vector<double> gradient = objective.Gradient(problem.weights());
  for (std::size_t j = 0; j < 4; ++j) {
    EXPECT_NEAR(
        gradient[j] + 0.3 * (problem.weights()[j] - start[j]) + linear[j],
        0.0,
        1e-13);
  }
}

}  // namespace
}  // namespace fedtorch::support
