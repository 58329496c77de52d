#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

double NormOf(const std::vector<double>& vector) {
  double square = 0.0;
  for (const double value : vector) square += value * value;
  return std::sqrt(square);
}

TEST(AntiCge, TurnsTheSumOfTheSmallestAround) {
  // Norms of C: 1, 1.1045, 0.9055, 1.0198, 1.2, 0.8062, 7.07. With f = 2
  // declared the rule keeps 7 of 9: 5 honest ones beside both copies, which
  // must be below the sixth, 1.2.
  Stage stage{.known = InputC(), .num_byzantine = 2};
  stage.context.f = 2;
  const Crafted crafted = stage.Play(*FromText("anti_cge"));
  const std::vector<double> sum = {1 + 1.1 + .9 + 1 + .8, .1 - .1 + .2 + .1};
  const double factor = -1.2 * (1.0 - 1e-6) / NormOf(sum);
  ASSERT_EQ(crafted.vectors.size(), 1U);
  EXPECT_NEAR(crafted.vectors[0][0], factor * sum[0], 1e-12);
  EXPECT_NEAR(crafted.vectors[0][1], factor * sum[1], 1e-12);
  EXPECT_EQ(stage.known, InputC());
}

TEST(AntiCge, IsKeptByTheRuleAndWouldNotBeIfLonger) {
  for (const std::int64_t f : {1, 2, 3}) {
    Stage stage{.known = InputC(), .num_byzantine = f};
    stage.context.f = f;
    const auto vector = stage.Play(*FromText("anti_cge")).vectors.at(0);
    // The rule: the n - f smallest of n = 7 + f norms are kept.
    const auto copies_kept = [&](double factor) {
      std::vector<std::pair<double, int>> norms;
      for (const auto& row : stage.known) norms.emplace_back(NormOf(row), 0);
      for (std::int64_t i = 0; i < f; ++i) {
        norms.emplace_back(factor * NormOf(vector), 1);
      }
      std::sort(norms.begin(), norms.end());
      int copies = 0;
      for (std::size_t i = 0; i < 7; ++i) copies += norms[i].second;
      return copies;
    };
    EXPECT_EQ(copies_kept(1.0), f);
    EXPECT_LT(copies_kept(1.0 + 1e-5), f);
  }
}

TEST(AntiCge, ScalesWithTheUpdates) {
  Stage stage{.known = InputB()};
  stage.context.f = 1;
  const auto one = stage.Play(*FromText("anti_cge")).vectors.at(0);
  for (auto& row : stage.known) {
    for (double& value : row) value *= 1024.0;
  }
  const auto other = stage.Play(*FromText("anti_cge")).vectors.at(0);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(other[k], 1024.0 * one[k]);
}

TEST(AntiCge, SendsZerosForZeros) {
  Stage stage{.known = {{0, 0}, {0, 0}}};
  stage.context.f = 1;
  EXPECT_THAT(stage.Play(*FromText("anti_cge")).vectors,
              ElementsAre(ElementsAre(0.0, 0.0)));
}

TEST(AntiCge, NamesNAndF) {
  EXPECT_THAT(FromText("anti_cge")->Obstacle(5, 2), IsEmpty());
  EXPECT_THAT(FromText("anti_cge")->Obstacle(4, 2),
              HasSubstr("n > 2f updates, found n = 4 with f = 2"));
}

}  // namespace
}  // namespace fedtorch::attack
