#include "fedtorch/core/stream.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

constexpr std::size_t kLong = 1000;

Stage Draw() {
  core::Stream stream = core::Stream::Named(5, "signguard_counter_test");
  Stage stage{.num_byzantine = 2};
  for (int i = 0; i < 4; ++i) {
    std::vector<double>& row = stage.known.emplace_back();
    for (std::size_t k = 0; k < kLong; ++k) {
      // A tenth of the coordinates is 0 for all.
      row.push_back(k % 10 == 0 ? 0.0 : stream.Normal() + 0.3);
    }
  }
  return stage;
}

std::vector<std::int64_t> SignsOf(const std::vector<double>& vector) {
  const auto count = [&](auto holds) {
    return static_cast<std::int64_t>(
        std::count_if(vector.begin(), vector.end(), holds));
  };
  return {count([](double x) { return x > 0.0; }),
          count([](double x) { return x == 0.0; }),
          count([](double x) { return x < 0.0; })};
}

TEST(SignguardCounter, HasTheSignsOfTheMeanAtOtherPlaces) {
  Stage stage = Draw();
  std::vector<double> mean(kLong);
  std::vector<double> norms;
  for (const auto& row : stage.known) {
    double square = 0.0;
    for (std::size_t k = 0; k < kLong; ++k) {
      mean[k] += row[k];
      square += row[k] * row[k];
    }
    norms.push_back(std::sqrt(square));
  }
  const auto before = stage.known;
  const auto vector = stage.Play(*FromText("signguard_counter")).vectors.at(0);
  EXPECT_EQ(SignsOf(vector), SignsOf(mean));
  EXPECT_EQ(SignsOf(vector)[1], 100);
  double square = 0.0;
  int moved = 0;
  for (std::size_t k = 0; k < kLong; ++k) {
    square += vector[k] * vector[k];
    moved += (vector[k] > 0.0) != (mean[k] > 0.0) ? 1 : 0;
  }
  std::sort(norms.begin(), norms.end());
  EXPECT_NEAR(std::sqrt(square), 0.5 * (norms[1] + norms[2]), 1e-9);
  EXPECT_GT(moved, 200);
  EXPECT_EQ(stage.known, before);
}

TEST(SignguardCounter, MayKeepTheMagnitudesItDraws) {
  Stage stage = Draw();
  const auto vector =
      stage.Play(*FromText("{name: signguard_counter, norm: drawn}"))
          .vectors.at(0);
  double sum = 0.0;
  for (const double value : vector) {
    EXPECT_LE(std::fabs(value), 1.0);
    sum += std::fabs(value);
  }
  EXPECT_NEAR(sum / 900.0, 0.5, 0.06);
}

TEST(SignguardCounter, DependsOnSeedAndRoundOnly) {
  Stage stage = Draw();
  const auto first = stage.Play(*FromText("signguard_counter")).vectors;
  EXPECT_EQ(stage.Play(*FromText("signguard_counter")).vectors, first);
  stage.context.round = 2;
  EXPECT_NE(stage.Play(*FromText("signguard_counter")).vectors, first);
}

TEST(SignguardCounter, SendsZerosForZeros) {
  Stage stage{.known = {{0.0, 0.0}}};
  EXPECT_THAT(stage.Play(*FromText("signguard_counter")).vectors,
              ElementsAre(ElementsAre(0.0, 0.0)));
}

}  // namespace
}  // namespace fedtorch::attack
