#include "fedtorch/core/stream.h"
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

using Rows = std::vector<std::vector<double>>;

Rows DrawRows(std::uint64_t seed, std::size_t n, std::size_t d) {
  core::Stream stream = core::Stream::Named(seed, "fang_krum_test");
  Rows rows(n, std::vector<double>(d));
  for (auto& row : rows) {
    for (std::size_t k = 0; k < d; ++k) {
      row[k] = (k % 2 == 0 ? 1.0 : -1.0) + 0.8 * stream.Normal();
    }
  }
  return rows;
}

double Square(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    square += (a[k] - b[k]) * (a[k] - b[k]);
  }
  return square;
}

// Sum of the `count` smallest distances (or squares) of row i to others.
double ScoreOf(const Rows& rows,
               std::size_t i,
               std::size_t count,
               bool square) {
  std::vector<double> distances;
  for (std::size_t j = 0; j < rows.size(); ++j) {
    if (j == i) continue;
    const double distance = Square(rows[i], rows[j]);
    distances.push_back(square ? distance : std::sqrt(distance));
  }
  std::sort(distances.begin(), distances.end());
  double sum = 0.0;
  for (std::size_t k = 0; k < count; ++k) sum += distances[k];
  return sum;
}

// The attack, written plainly, on all values.
double SlowLambda(const Rows& honest,
                  const std::vector<double>& sign,
                  std::size_t f,
                  bool* picked) {
  const std::size_t n = honest.size() + f;
  const auto root = std::sqrt(static_cast<double>(sign.size()));
  double score = 1e300;
  double norm = 0.0;
  for (std::size_t i = 0; i < honest.size(); ++i) {
    score = std::min(score, ScoreOf(honest, i, n - f - 2, false));
    norm = std::max(
        norm, std::sqrt(Square(honest[i], std::vector<double>(sign.size()))));
  }
  double lambda =
      score / (static_cast<double>(n - 2 * f - 1) * root) + norm / root;
  *picked = false;
  while (lambda > 1e-5) {
    Rows all = honest;
    std::vector<double> copy = sign;
    for (double& value : copy) value *= -lambda;
    for (std::size_t i = 0; i < f; ++i) all.push_back(copy);
    std::size_t best = 0;
    double least = ScoreOf(all, 0, n - f - 2, true);
    for (std::size_t i = 1; i < n; ++i) {
      const double other = ScoreOf(all, i, n - f - 2, true);
      if (other < least) {
        least = other;
        best = i;
      }
    }
    *picked = best >= honest.size();
    if (*picked) break;
    lambda *= 0.5;
  }
  return lambda;
}

TEST(FangKrum, HalvesUntilKrumPicksIt) {
  int wins = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::size_t f = 1 + seed % 4;
    const Rows rows = DrawRows(seed, f + 2 + seed % 3, 6);
    std::vector<double> sign;
    for (std::size_t k = 0; k < 6; ++k) {
      double sum = 0.0;
      for (const auto& row : rows) sum += row[k];
      sign.push_back(sum > 0.0 ? 1.0 : -1.0);
    }
    Stage stage{.known = rows, .num_byzantine = static_cast<std::int64_t>(f)};
    stage.context.f = stage.num_byzantine;
    const Crafted crafted = stage.Play(*FromText("fang_krum"));
    bool picked = false;
    const double lambda = SlowLambda(rows, sign, f, &picked);
    EXPECT_NEAR(crafted.diagnostics.at("attack/lambda") / lambda, 1.0, 1e-12);
    EXPECT_EQ(crafted.diagnostics.at("attack/picked"), picked ? 1.0 : 0.0);
    wins += picked ? 1 : 0;
    for (std::size_t k = 0; k < 6; ++k) {
      EXPECT_NEAR(crafted.vectors.at(0)[k], -lambda * sign[k], 1e-12);
    }
    EXPECT_EQ(stage.known, rows);
  }
  // Both ends of the search were seen.
  EXPECT_GT(wins, 2);
  EXPECT_LT(wins, 12);
}

TEST(FangKrum, WorksOnFloatRows) {
  const Rows rows = DrawRows(7, 8, 40);
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const auto table =
      aggregate::UpdateTable::Of<float>(std::span<const float>(flat), 40);
  Scene scene;
  scene.known = &table;
  scene.num_byzantine = 5;
  scene.num_total = 13;
  scene.context.f = 5;
  Stage stage{.known = rows, .num_byzantine = 5};
  stage.context.f = 5;
  const auto attack = FromText("fang_krum");
  EXPECT_NEAR(attack->Craft(scene).diagnostics.at("attack/lambda") /
                  stage.Play(*attack).diagnostics.at("attack/lambda"),
              1.0,
              1e-5);
}

TEST(FangKrum, NamesNAndF) {
  EXPECT_THAT(FromText("fang_krum")->Obstacle(6, 2), IsEmpty());
  EXPECT_THAT(FromText("fang_krum")->Obstacle(5, 2),
              HasSubstr("n >= 2f + 2 = 6 updates, found n = 5 with f = 2"));
}

TEST(FangKrum, SurvivesUpdatesWithoutDirection) {
  Stage stage{.known = {{0, 0}, {0, 0}, {0, 0}}};
  stage.context.f = 1;
  EXPECT_THAT(stage.Play(*FromText("fang_krum")).vectors,
              ElementsAre(ElementsAre(0.0, 0.0)));
  // A single one known, as for an adversary on its own.
  Stage alone{.known = {{1, -1}}};
  EXPECT_EQ(alone.Play(*FromText("fang_krum")).vectors.size(), 1U);
}

}  // namespace
}  // namespace fedtorch::attack
