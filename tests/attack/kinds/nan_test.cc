#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(Nan, SendsNothingButNotANumber) {
  Stage stage{.known = InputA()};
  const auto vector = stage.Play(*FromText("nan")).vectors.at(0);
  ASSERT_EQ(vector.size(), 3U);
  for (const double value : vector) EXPECT_TRUE(std::isnan(value));
}

TEST(Nan, HidesOneInTheHonestMean) {
  Stage stage{.known = InputA()};
  const auto vector =
      stage.Play(*FromText("{name: nan, coordinates: one}")).vectors.at(0);
  EXPECT_TRUE(std::isnan(vector[0]));
  EXPECT_THAT(std::vector<double>(vector.begin() + 1, vector.end()),
              ElementsAre(5.0, 6.0));
}

}  // namespace
}  // namespace fedtorch::attack
