#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(Zero, SendsZeros) {
  Stage stage{.known = InputB(), .num_byzantine = 3};
  EXPECT_THAT(stage.Play(*FromText("zero")).vectors,
              ElementsAre(ElementsAre(0.0, 0.0, 0.0)));
}

}  // namespace
}  // namespace fedtorch::attack
