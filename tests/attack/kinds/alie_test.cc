#include "fedtorch/core/errors.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Alie, ShiftsTheMeanByDeviations) {
  Stage stage{.known = InputA()};
  EXPECT_THAT(stage.Play(*FromText("{name: alie, z: 1.5}")).vectors,
              ElementsAre(ElementsAre(8.5, 9.5, 10.5)));
  EXPECT_THAT(
      stage.Play(*FromText("{name: alie, z: 1.5, sign: minus}")).vectors,
      ElementsAre(ElementsAre(-0.5, 0.5, 1.5)));
  const double apart = 1.5 * std::sqrt(6.0);  // divided by n, not n - 1
  EXPECT_THAT(stage.Play(*FromText("{name: alie, z: 1.5, ddof: 0}")).vectors,
              ElementsAre(ElementsAre(DoubleNear(4.0 + apart, 1e-12),
                                      DoubleNear(5.0 + apart, 1e-12),
                                      DoubleNear(6.0 + apart, 1e-12))));
  EXPECT_EQ(stage.known, InputA());
}

TEST(Alie, FindsItsStrength) {
  // 9 honest rows and 2 adversaries: z = 0.1397 of the table.
  Stage stage{.num_byzantine = 2};
  for (int i = 1; i <= 9; ++i) stage.known.push_back({static_cast<double>(i)});
  const Crafted crafted = stage.Play(*FromText("alie"));
  EXPECT_NEAR(crafted.diagnostics.at("attack/z"), 0.1397, 5e-5);
  EXPECT_NEAR(crafted.vectors[0][0], 5.0 + 0.1397 * std::sqrt(7.5), 2e-4);
}

TEST(Alie, RefusesAStrengthThatIsNone) {
  const auto attack = FromText("alie");
  EXPECT_THAT(attack->Obstacle(11, 2), IsEmpty());
  EXPECT_THAT(attack->Obstacle(10, 2),
              HasSubstr("z = 0.000000 for n = 10, f = 2 is no attack"));
  EXPECT_THAT(attack->Obstacle(10, 1), HasSubstr("is no attack"));
  EXPECT_THAT(attack->Obstacle(10, 6),
              HasSubstr("z is infinite for n = 10, f = 6"));
  EXPECT_THAT(attack->Obstacle(3, 3), HasSubstr("no honest update"));
  EXPECT_THAT(FromText("{name: alie, z: 1}")->Obstacle(10, 6), IsEmpty());
  Stage stage{.known = InputA(), .num_byzantine = 6};
  EXPECT_THROW(stage.Play(*attack), core::RunError);
  EXPECT_THROW(FromText("{name: alie, z: 0}"), core::ConfigError);
}

TEST(Alie, SendsTheOnlyUpdateItKnows) {
  Stage stage{.known = {{1.0, -2.0}}};
  EXPECT_THAT(stage.Play(*FromText("{name: alie, z: 3}")).vectors,
              ElementsAre(ElementsAre(1.0, -2.0)));
}

}  // namespace
}  // namespace fedtorch::attack
