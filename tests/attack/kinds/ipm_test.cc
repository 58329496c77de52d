#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

TEST(Ipm, SendsTheNegativeMeanTimesEpsilon) {
  Stage stage{.known = InputA(), .num_byzantine = 2};
  const auto attack = FromText("{name: ipm, epsilon: 2}");
  EXPECT_THAT(stage.Play(*attack).vectors,
              ElementsAre(ElementsAre(-8.0, -10.0, -12.0)));
  EXPECT_EQ(stage.known, InputA());
}

TEST(Ipm, IsSmallUnlessTold) {
  Stage stage{.known = InputB()};
  EXPECT_THAT(stage.Play(*FromText("ipm")).vectors,
              ElementsAre(ElementsAre(
                  DoubleEq(-0.125), DoubleEq(-0.225), DoubleEq(-0.2))));
}

}  // namespace
}  // namespace fedtorch::attack
