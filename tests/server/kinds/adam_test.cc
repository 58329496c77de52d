#include "fedtorch/core/errors.h"
#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::server {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Adam, DividesTheMeanByTheRootOfTheMeanSquare) {
  // m = 2, v = 4, step 2 / (2 + 1); m = 1 + 1 = 2, v = 3 + 1 = 4, the same.
  EXPECT_THAT(
      ScalarSteps("{name: adam, lr: 1, beta1: 0.5, beta2: 0.75, tau: 1, v0: 0}",
                  {4.0, 2.0}),
      ElementsAre(DoubleEq(2.0 / 3.0), DoubleEq(4.0 / 3.0)));
}

TEST(Adam, StartsFromTauSquared) {
  // tau = 2: v = 0.75 * 4 + 0.25 * 4 = 4 twice; m = 1, then 1.5; the
  // denominator is 2 + 2.
  EXPECT_THAT(
      ScalarSteps("{name: adam, lr: 1, beta1: 0.5, beta2: 0.75, tau: 2}",
                  {2.0, 2.0}),
      ElementsAre(DoubleEq(0.25), DoubleEq(0.625)));
}

TEST(Adam, HasTheDefaultsOfThePaper) {
  // m = 0.1 * 1; v = 0.99 * 1e-6 + 0.01; lr 0.1 is Flower's.
  const double step = 0.1 * 0.1 / (std::sqrt(0.99e-6 + 0.01) + 1e-3);
  EXPECT_NEAR(ScalarSteps("adam", {1.0}).front(), step, 1e-15);
}

TEST(Adam, CorrectsItsBiasByTheNumberOfSteps) {
  // m / (1 - 0.5) = 4, v / (1 - 0.75) = 16; then m = 3 and 3 / 0.75 = 4,
  // v = 7 and 7 / (1 - 0.5625) = 16: 4 / (4 + 1) each.
  EXPECT_THAT(
      ScalarSteps("{name: adam, lr: 1, beta1: 0.5, beta2: 0.75, tau: 1, "
                  "v0: 0, bias_correction: adam}",
                  {4.0, 4.0}),
      ElementsAre(DoubleEq(0.8), DoubleEq(1.6)));
}

TEST(Adam, TakesACorrectedFirstStepOfTheRateForAnyDecays) {
  // Flower's exponent of round + 1 would give 0.742 of it at 0.9 / 0.99.
  for (const char* betas : {"beta1: 0.9, beta2: 0.99",
                            "beta1: 0.5, beta2: 0.999",
                            "beta1: 0, beta2: 0"}) {
    for (const double delta : {3.0, -0.01, 1e-6}) {
      const Vector path =
          ScalarSteps(std::string("{name: adam, lr: 0.5, tau: 0, v0: 0, "
                                  "bias_correction: adam, ") +
                          betas + "}",
                      {delta});
      EXPECT_NEAR(path[0], std::copysign(0.5, delta), 1e-12);
    }
  }
}

TEST(Adam, IsSgdWhereVNeverChanges) {
  // beta1 = 0, beta2 = 1: the rate is lr / (sqrt(v0) + tau) = 0.5 / 2.
  const auto adam =
      FromText("{name: adam, lr: 0.5, beta1: 0, beta2: 1, tau: 0.5, v0: 2.25}");
  const auto sgd = FromText("{name: sgd, lr: 0.25}");
  const std::vector<Vector> deltas = DrawDeltas(2, 5, 24);
  const auto expected = Steps(*sgd, Vector(24, 0.0), deltas);
  const auto found = Steps(*adam, Vector(24, 0.0), deltas);
  for (std::size_t t = 0; t < 5; ++t) {
    EXPECT_THAT(found[t],
                testing::Pointwise(testing::DoubleNear(1e-14), expected[t]));
  }
}

TEST(Adam, TendsToTheDeltaAsRateAndTauGrow) {
  // lr = tau: delta / (|delta| / tau + 1) differs by at most delta^2 / tau.
  for (const double tau : {1e2, 1e4, 1e6}) {
    for (const double delta : {2.0, -0.3, 1e-5}) {
      const std::string text = std::to_string(tau);
      const double step =
          ScalarSteps("{name: adam, beta1: 0, beta2: 0, lr: " + text +
                          ", tau: " + text + ", v0: 0}",
                      {delta})
              .front();
      EXPECT_LE(std::fabs(step - delta), delta * delta / tau + 1e-15);
      EXPECT_NE(step, 0.0);
    }
  }
}

TEST(Adam, StepsByTheSignWithoutMemoryAndTau) {
  EXPECT_THAT(
      ScalarSteps("{name: adam, lr: 0.5, beta1: 0, beta2: 0, tau: 0, v0: 0}",
                  {3.0, -1e-9, 0.0, 7.0}),
      ElementsAre(0.5, 0.0, 0.0, 0.5));
}

TEST(Adam, CannotCorrectAVThatNeverChanges) {
  EXPECT_NO_THROW(FromText("{name: adam, beta2: 1}"));
  try {
    FromText("{name: adam, beta2: 1, bias_correction: adam}");
    FAIL() << "1 - beta2^t = 0 was accepted";
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("beta2"));
  }
}

TEST(Adam, RefusesValuesOutOfRange) {
  for (const char* option : {"lr: 0",
                             "beta1: 1",
                             "beta1: -0.1",
                             "beta2: 1.01",
                             "tau: -1",
                             "v0: -1",
                             "v0: tau2"}) {
    EXPECT_THROW(FromText(std::string("{name: adam, ") + option + "}"),
                 core::ConfigError)
        << option;
  }
}

}  // namespace
}  // namespace fedtorch::server
