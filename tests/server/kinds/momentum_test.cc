#include "fedtorch/core/errors.h"
#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::server {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

TEST(Momentum, AddsUpPastDeltas) {
  // v = 2, then 0.9 * 2 + 1 = 2.8; x = 0.5 v.
  EXPECT_THAT(ScalarSteps("{name: momentum, lr: 0.5}", {2.0, 1.0}),
              ElementsAre(DoubleEq(1.0), DoubleEq(2.4)));
}

TEST(Momentum, LooksAheadWithNesterov) {
  // 0.9 * 2 + 2 = 3.8; v = 2.8 and 0.9 * 2.8 + 1 = 3.52.
  EXPECT_THAT(
      ScalarSteps("{name: momentum, lr: 0.5, nesterov: true}", {2.0, 1.0}),
      ElementsAre(DoubleEq(1.9), DoubleEq(3.66)));
}

TEST(Momentum, AveragesPastDeltasInTheEmaForm) {
  // v = 0.1 * 2 = 0.2, then 0.18 + 0.1 = 0.28.
  EXPECT_THAT(ScalarSteps("{name: momentum, lr: 0.5, form: ema}", {2.0, 1.0}),
              ElementsAre(DoubleEq(0.1), DoubleEq(0.24)));
}

TEST(Momentum, OfZeroIsSgdToTheBit) {
  const std::vector<Vector> deltas = DrawDeltas(1, 8, 40);
  for (const char* options : {"", ", nesterov: true", ", form: ema"}) {
    const auto momentum = FromText(
        std::string("{name: momentum, lr: 1, momentum: 0") + options + "}");
    EXPECT_EQ(Steps(*momentum, Vector(40, 0.5), deltas),
              Steps(*FromText("sgd"), Vector(40, 0.5), deltas));
  }
}

TEST(Momentum, MovesByOneOverOneMinusMomentumUnderASteadyDelta) {
  // In the limit: 1 / (1 - 0.9) = 10 deltas a step, and 1 in the EMA form.
  const Vector deltas(400, 1.0);
  for (const auto& [form, step] :
       {std::pair{"pytorch", 10.0}, std::pair{"ema", 1.0}}) {
    for (const char* nesterov : {"true", "false"}) {
      const Vector path =
          ScalarSteps(std::string("{name: momentum, form: ") + form +
                          ", nesterov: " + nesterov + "}",
                      deltas);
      EXPECT_NEAR(path[399] - path[398], step, 1e-9);
    }
  }
}

TEST(Momentum, RefusesAMomentumOfOne) {
  EXPECT_THROW(FromText("{name: momentum, momentum: 1}"), core::ConfigError);
  EXPECT_THROW(FromText("{name: momentum, form: keras}"), core::ConfigError);
}

}  // namespace
}  // namespace fedtorch::server
