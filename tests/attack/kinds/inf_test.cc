#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(Inf, SendsInfinities) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Stage stage{.known = InputC()};
  EXPECT_THAT(stage.Play(*FromText("inf")).vectors,
              ElementsAre(ElementsAre(kInfinity, kInfinity)));
  EXPECT_THAT(stage.Play(*FromText("{name: inf, sign: minus}")).vectors,
              ElementsAre(ElementsAre(-kInfinity, -kInfinity)));
}

}  // namespace
}  // namespace fedtorch::attack
