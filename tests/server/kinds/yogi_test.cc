#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::server {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

TEST(Yogi, MovesVBySignAndSquare) {
  // beta2 = 0.75, v0 = 5. Delta 2: 4 < 5, so v = 5 - 1 = 4; m = 1, 1 / 3.
  // Delta 2: 4 = 4, so v stays; m = 1.5, 1.5 / 3. Delta 4: 16 > 4, so
  // v = 4 + 4 = 8; m = 2.75.
  EXPECT_THAT(
      ScalarSteps("{name: yogi, lr: 1, beta1: 0.5, beta2: 0.75, tau: 1, v0: 5}",
                  {2.0, 2.0, 4.0}),
      ElementsAre(DoubleEq(1.0 / 3.0),
                  DoubleEq(1.0 / 3.0 + 0.5),
                  DoubleEq(5.0 / 6.0 + 2.75 / (std::sqrt(8.0) + 1.0))));
}

TEST(Yogi, TakesTheFirstStepOfAdamFromAnEmptyV) {
  const std::vector<Vector> deltas = DrawDeltas(1, 1, 60);
  const auto yogi = FromText("{name: yogi, lr: 0.5, v0: 0}");
  const auto adam = FromText("{name: adam, lr: 0.5, v0: 0}");
  EXPECT_EQ(Steps(*yogi, Vector(60, 0.0), deltas),
            Steps(*adam, Vector(60, 0.0), deltas));
}

TEST(Yogi, ForgetsALargeDeltaMoreSlowlyThanAdam) {
  // After a delta of 10 come deltas of 0.1. Adam's v decays as 0.99^t; Yogi's
  // falls by 0.01 * 0.01 a round only.
  Vector deltas(301, 0.1);
  deltas[0] = 10.0;
  const auto v_after = [&deltas](const std::string& name) {
    const auto optimizer = FromText("{name: " + name + ", v0: 0}");
    Vector model = {0.0};
    for (const double delta : deltas) optimizer->Step(model, Vector{delta});
    return optimizer->SaveState().at("v").front();
  };
  EXPECT_NEAR(v_after("yogi"), 1.0 - 300 * 0.01 * 0.01, 1e-12);
  const double decayed = std::pow(0.99, 300);
  EXPECT_NEAR(v_after("adam"), decayed + (1.0 - decayed) * 0.01, 1e-12);
}

TEST(Yogi, HasTheDefaultsOfThePaper) {
  // v = 1e-6 + 0.01 * 1, for 1 > 1e-6; lr 0.01 is Flower's.
  const double step = 0.01 * 0.1 / (std::sqrt(1e-6 + 0.01) + 1e-3);
  EXPECT_NEAR(ScalarSteps("yogi", {1.0}).front(), step, 1e-15);
}

}  // namespace
}  // namespace fedtorch::server
