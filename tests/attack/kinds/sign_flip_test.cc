#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(SignFlip, SendsTheNegativeMean) {
  Stage stage{.known = InputA()};
  const auto attack = FromText("sign_flip");
  EXPECT_THAT(stage.Play(*attack).vectors,
              ElementsAre(ElementsAre(-4.0, -5.0, -6.0)));
}

TEST(SignFlip, TurnsOnesOwnUpdate) {
  Stage stage{.known = InputA(),
              .own = {{1.0, -2.0, 0.5}, {3.0, 0.0, 1.0}},
              .num_byzantine = 2};
  const auto attack = FromText("{name: sign_flip, of: own, scale: 2}");
  EXPECT_TRUE(attack->needs_own_updates());
  EXPECT_THAT(
      stage.Play(*attack).vectors,
      ElementsAre(ElementsAre(-2.0, 4.0, -1.0), ElementsAre(-6.0, 0.0, -2.0)));
}

}  // namespace
}  // namespace fedtorch::attack
