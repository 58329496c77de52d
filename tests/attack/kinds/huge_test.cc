#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(Huge, SendsOneLargeNumber) {
  Stage stage{.known = InputC()};
  EXPECT_THAT(stage.Play(*FromText("huge")).vectors,
              ElementsAre(ElementsAre(1e20, 1e20)));
  EXPECT_THAT(stage.Play(*FromText("{name: huge, value: -1e30}")).vectors,
              ElementsAre(ElementsAre(-1e30, -1e30)));
}

}  // namespace
}  // namespace fedtorch::attack
