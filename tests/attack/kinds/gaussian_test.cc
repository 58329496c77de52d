#include "tests/attack/attack_case.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

constexpr std::size_t kLong = 200000;  // more than one part of the stream

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

Moments MomentsOf(const std::vector<double>& vector) {
  Moments moments;
  for (const double value : vector) moments.mean += value;
  moments.mean /= static_cast<double>(vector.size());
  for (const double value : vector) {
    moments.variance += (value - moments.mean) * (value - moments.mean);
  }
  moments.variance /= static_cast<double>(vector.size());
  return moments;
}

TEST(Gaussian, HasTheMomentsOfItsKeys) {
  Stage stage{.known = {std::vector<double>(kLong, 1.0)}, .num_byzantine = 2};
  const auto vectors =
      stage.Play(*FromText("{name: gaussian, mean: 3, std: 2}")).vectors;
  ASSERT_EQ(vectors.size(), 2U);
  for (const auto& vector : vectors) {
    ASSERT_EQ(vector.size(), kLong);
    const Moments moments = MomentsOf(vector);
    EXPECT_NEAR(moments.mean, 3.0, 0.025);      // 5.6 standard errors
    EXPECT_NEAR(moments.variance, 4.0, 0.075);  // 5.9
  }
  EXPECT_NE(vectors[0], vectors[1]);
  // Parts of a vector are drawn from streams of their own.
  EXPECT_NE(vectors[0][0], vectors[0][65536]);
}

TEST(Gaussian, CountsInNormsOfHonestUpdates) {
  // Norms 3 sqrt(d) and 5 sqrt(d), their mean 4 sqrt(d).
  Stage stage{.known = {std::vector<double>(kLong, 3.0),
                        std::vector<double>(kLong, -5.0)}};
  const auto vector =
      stage
          .Play(
              *FromText("{name: gaussian, std: 0.5, mean: 1, relative: true}"))
          .vectors.at(0);
  EXPECT_NEAR(MomentsOf(vector).mean, 4.0, 0.03);
  EXPECT_NEAR(MomentsOf(vector).variance, 4.0, 0.075);
}

TEST(Gaussian, DependsOnSeedAndRoundOnly) {
  const auto play = [](std::uint64_t seed, std::int64_t round) {
    Stage stage{.known = InputA()};
    stage.context.seed = seed;
    stage.context.round = round;
    return stage.Play(*FromText("gaussian")).vectors;
  };
  EXPECT_EQ(play(1, 1), play(1, 1));
  EXPECT_NE(play(1, 1), play(2, 1));
  EXPECT_NE(play(1, 1), play(1, 2));
}

}  // namespace
}  // namespace fedtorch::attack
