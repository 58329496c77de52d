#include "tests/attack/attack_case.h"

#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

TEST(ByzMean, MovesTheMeanOfAllToWhereSomeStand) {
  for (const std::int64_t f : {1, 2, 3, 5}) {
    Stage stage{.known = InputB(), .num_byzantine = f};
    const auto vectors = stage.Play(*FromText("byz_mean")).vectors;
    ASSERT_EQ(vectors.size(), static_cast<std::size_t>(f));
    // mu = (1.25, 2.25, 2), sigma = (1.7078..., 1.2583..., 2) by hand.
    const std::vector<double> wanted = {1.25 - 0.5 * 1.707825127659933,
                                        2.25 - 0.5 * 1.2583057392117916,
                                        2.0 - 0.5 * 2.0};
    for (std::size_t k = 0; k < 3; ++k) {
      double sum = 0.0;
      for (const auto& row : stage.known) sum += row[k];
      for (const auto& row : vectors) sum += row[k];
      EXPECT_NEAR(sum / static_cast<double>(4 + f), wanted[k], 1e-12);
      if (f > 1) {
        EXPECT_NEAR(vectors.front()[k], wanted[k], 1e-12);
      }
      // Those that pull are one more where f is odd.
      EXPECT_EQ(vectors[static_cast<std::size_t>(f / 2)], vectors.back());
    }
    EXPECT_EQ(stage.known, InputB());
  }
}

TEST(ByzMean, ShiftsByAsManyDeviationsAsTold) {
  Stage stage{.known = InputA()};
  const auto vector =
      stage.Play(*FromText("{name: byz_mean, z: 1, ddof: 1}")).vectors.at(0);
  // b1 = (1, 2, 3); the single adversary pulls: 4 b1 - (12, 15, 18).
  EXPECT_NEAR(vector[0], -8.0, 1e-12);
  EXPECT_NEAR(vector[1], -7.0, 1e-12);
  EXPECT_NEAR(vector[2], -6.0, 1e-12);
}

}  // namespace
}  // namespace fedtorch::attack
