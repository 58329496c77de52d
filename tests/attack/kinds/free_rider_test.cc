#include "fedtorch/core/errors.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

TEST(FreeRider, SendsZerosOrTheLastAggregate) {
  const std::vector<double> previous = {2.0, -4.0, 6.0};
  Stage stage{.known = InputA(), .num_byzantine = 2};
  EXPECT_THAT(stage.Play(*FromText("free_rider")).vectors,
              ElementsAre(ElementsAre(0.0, 0.0, 0.0)));
  stage.context.previous = previous;
  EXPECT_THAT(stage.Play(*FromText("free_rider")).vectors,
              ElementsAre(ElementsAre(2.0, -4.0, 6.0)));
  EXPECT_THAT(stage.Play(*FromText("{name: free_rider, scale: 0.5}")).vectors,
              ElementsAre(ElementsAre(1.0, -2.0, 3.0)));
  EXPECT_THAT(stage.Play(*FromText("{name: free_rider, form: zero}")).vectors,
              ElementsAre(ElementsAre(0.0, 0.0, 0.0)));
  EXPECT_THAT(previous, ElementsAre(2.0, -4.0, 6.0));
}

TEST(FreeRider, DisguisesItselfByNoiseThatMayFade) {
  const std::vector<double> previous(100000, 5.0);
  Stage stage{.known = {std::vector<double>(previous.size())},
              .num_byzantine = 2};
  stage.context.previous = previous;
  stage.context.round = 4;
  const auto attack = FromText("{name: free_rider, noise: 2, decay: 0.5}");
  const auto vectors = stage.Play(*attack).vectors;
  ASSERT_EQ(vectors.size(), 2U);
  EXPECT_NE(vectors[0], vectors[1]);
  double square = 0.0;
  double sum = 0.0;
  for (const double value : vectors[0]) {
    sum += value - 5.0;
    square += (value - 5.0) * (value - 5.0);
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 0.02);
  EXPECT_NEAR(std::sqrt(square / 1e5), 1.0, 0.015);  // 2 / sqrt(4)
  EXPECT_EQ(stage.Play(*attack).vectors, vectors);
}

TEST(FreeRider, RefusesKeysWithoutEffect) {
  EXPECT_THROW(FromText("{name: free_rider, form: zero, scale: 2}"),
               core::ConfigError);
  EXPECT_THROW(FromText("{name: free_rider, decay: 1}"), core::ConfigError);
}

}  // namespace
}  // namespace fedtorch::attack
