#include "fedtorch/core/errors.h"
#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::server {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

TEST(Adagrad, DividesByTheRootOfAllSquares) {
  // v = 9, step 3 / (3 + 1); v = 25, step 4 / (5 + 1).
  EXPECT_THAT(
      ScalarSteps("{name: adagrad, lr: 0.1, tau: 1, v0: 0}", {3.0, 4.0}),
      ElementsAre(DoubleEq(0.075), DoubleEq(0.075 + 0.4 / 6.0)));
}

TEST(Adagrad, StartsFromTauSquaredAndWithoutMomentum) {
  // tau = 4: v = 16 + 9 = 25, step 3 / (5 + 4); v = 25 + 144 = 169,
  // step 12 / (13 + 4).
  EXPECT_THAT(
      ScalarSteps("{name: adagrad, lr: 1, tau: 4}", {3.0, 12.0}),
      ElementsAre(DoubleEq(1.0 / 3.0), DoubleEq(1.0 / 3.0 + 12.0 / 17.0)));
}

TEST(Adagrad, WithVResetEachRoundIsAdamWithBeta2OfZero) {
  const std::vector<Vector> deltas = DrawDeltas(1, 6, 30);
  Vector model(30, 0.0);
  for (const Vector& delta : deltas) {
    FromText("{name: adagrad, lr: 0.5, v0: 0}")->Step(model, delta);
  }
  const auto adam =
      FromText("{name: adam, lr: 0.5, beta1: 0, beta2: 0, v0: 0}");
  EXPECT_EQ(model, Steps(*adam, Vector(30, 0.0), deltas).back());
}

TEST(Adagrad, HasNoDecayOfV) {
  EXPECT_THROW(FromText("{name: adagrad, beta2: 0.9}"), core::ConfigError);
  EXPECT_THROW(FromText("{name: adagrad, bias_correction: adam}"),
               core::ConfigError);
}

}  // namespace
}  // namespace fedtorch::server
