#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

using Rows = std::vector<std::vector<double>>;

Rows DrawRows(std::uint64_t seed, std::size_t n, std::size_t d) {
  core::Stream stream = core::Stream::Named(seed, "agr_tailored_test");
  Rows rows(n, std::vector<double>(d));
  for (auto& row : rows) {
    for (double& value : row) value = 1.0 + stream.Normal();
  }
  return rows;
}

// Krum of the paper on all values, with f copies of `copy` at the end.
bool KrumPicks(const Rows& honest,
               const std::vector<double>& copy,
               std::size_t f) {
  Rows all = honest;
  for (std::size_t i = 0; i < f; ++i) all.push_back(copy);
  std::size_t best = 0;
  double least = 1e300;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<double> squares;
    for (std::size_t j = 0; j < all.size(); ++j) {
      if (j == i) continue;
      double square = 0.0;
      for (std::size_t k = 0; k < copy.size(); ++k) {
        square += (all[i][k] - all[j][k]) * (all[i][k] - all[j][k]);
      }
      squares.push_back(square);
    }
    std::sort(squares.begin(), squares.end());
    double score = 0.0;
    for (std::size_t k = 0; k < all.size() - f - 2; ++k) score += squares[k];
    if (score < least) {
      least = score;
      best = i;
    }
  }
  return best >= honest.size();
}

TEST(AgrTailored, GoesAsFarAsKrumStillPicksIt) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: krum");
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (const std::string direction : {"unit", "sign", "std"}) {
      const Rows rows = DrawRows(seed, 8, 10);
      Stage stage{.known = rows, .num_byzantine = 3, .defence = &defence};
      stage.context.f = 3;
      const Crafted crafted = stage.Play(
          *FromText("{name: agr_tailored, direction: " + direction + "}"));
      const double gamma = crafted.diagnostics.at("attack/gamma");
      ASSERT_GT(gamma, 0.0);
      const std::vector<double>& at = crafted.vectors.at(0);
      EXPECT_TRUE(KrumPicks(rows, at, 3)) << direction << seed;
      std::vector<double> beyond = at;
      for (std::size_t k = 0; k < beyond.size(); ++k) {
        double mean = 0.0;
        for (const auto& row : rows) mean += row[k] / 8.0;
        beyond[k] += 1e-5 * (at[k] - mean);
      }
      EXPECT_FALSE(KrumPicks(rows, beyond, 3)) << direction << seed;
      EXPECT_EQ(stage.known, rows);
    }
  }
}

TEST(AgrTailored, GoesBeyondTwiceItsStart) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: krum");
  Rows rows = DrawRows(2, 8, 10);
  for (auto& row : rows) {
    for (double& value : row) value *= 1000.0;
  }
  Stage stage{.known = rows, .num_byzantine = 3, .defence = &defence};
  stage.context.f = 3;
  EXPECT_GT(
      stage.Play(*FromText("{name: agr_tailored, direction: unit, step: 3}"))
          .diagnostics.at("attack/gamma"),
      100.0);
}

TEST(AgrTailored, SendsTheMeanWhereNothingIsTaken) {
  // One copy against rows that are all the same: its score is never smaller.
  const aggregate::Pipeline defence = DefenceFrom("aggregator: krum");
  Stage stage{.known = Rows(6, {2.0, 4.0}), .defence = &defence};
  stage.context.f = 1;
  EXPECT_THAT(
      stage.Play(*FromText("{name: agr_tailored, direction: unit}")).vectors,
      ElementsAre(ElementsAre(2.0, 4.0)));
}

TEST(AgrTailored, MovesARuleThatDoesNotSelect) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: median");
  Stage stage{
      .known = DrawRows(4, 7, 20), .num_byzantine = 3, .defence = &defence};
  const auto distance = [&](const std::vector<double>& copy) {
    aggregate::UpdateTable table;
    table.dimension = 20;
    std::vector<const double*> pointers;
    for (const auto& row : stage.known) pointers.push_back(row.data());
    for (int i = 0; i < 3; ++i) pointers.push_back(copy.data());
    table.rows = pointers;
    const auto out = defence.Aggregate(table, {}).vector;
    double square = 0.0;
    for (std::size_t k = 0; k < 20; ++k) {
      double mean = 0.0;
      for (const auto& row : stage.known) mean += row[k] / 7.0;
      square += (out[k] - mean) * (out[k] - mean);
    }
    return std::sqrt(square);
  };
  const auto near =
      stage
          .Play(*FromText(
              "{name: agr_tailored, oracle: distance, evaluations: 1}"))
          .vectors.at(0);
  const auto far =
      stage.Play(*FromText("{name: agr_tailored, oracle: distance}"))
          .vectors.at(0);
  EXPECT_GT(distance(far), 1.5 * distance(near));
  EXPECT_THROW(stage.Play(*FromText("agr_tailored")), core::RunError);
}

}  // namespace
}  // namespace fedtorch::attack
