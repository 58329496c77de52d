#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Rows = std::vector<std::vector<double>>;

Rows DrawRows(std::uint64_t seed, std::size_t n, std::size_t d) {
  core::Stream stream = core::Stream::Named(seed, "mimic_test");
  Rows rows(n, std::vector<double>(d));
  for (auto& row : rows) {
    for (double& value : row) value = stream.Normal();
  }
  return rows;
}

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

TEST(Mimic, RepeatsARow) {
  Stage stage{.known = InputA()};
  EXPECT_THAT(stage.Play(*FromText("mimic")).vectors,
              ElementsAre(ElementsAre(1.0, 2.0, 3.0)));
  EXPECT_THAT(stage.Play(*FromText("{name: mimic, row: 2}")).vectors,
              ElementsAre(ElementsAre(7.0, 8.0, 9.0)));
  EXPECT_EQ(stage.known, InputA());
}

TEST(Mimic, NamesARowThatIsNotThere) {
  const auto attack = FromText("{name: mimic, row: 4}");
  EXPECT_THAT(attack->Obstacle(6, 1), IsEmpty());
  EXPECT_THAT(attack->Obstacle(5, 1),
              HasSubstr("row 4 is not among the n - f = 4"));
  EXPECT_THAT(FromText("{name: mimic, target: power}")->Obstacle(2, 1),
              IsEmpty());
  EXPECT_THROW(FromText("{name: mimic, target: power, row: 1}"),
               core::ConfigError);
  EXPECT_THROW(FromText("{name: mimic, warmup: 2}"), core::ConfigError);
}

// The formula of the warm-up, written plainly.
struct Slow {
  std::vector<double> mean;
  std::vector<double> z;

  std::size_t Round(const Rows& rows, double t, std::uint64_t seed) {
    const std::size_t d = rows[0].size();
    std::vector<double> mu(d);
    for (std::size_t k = 0; k < d; ++k) {
      for (const auto& row : rows) {
        mu[k] += row[k] / static_cast<double>(rows.size());
      }
    }
    if (t == 0.0) {
      mean.assign(d, 0.0);
      z.assign(d, 0.0);
      core::Stream stream = core::Stream::Named(seed, "attack");
      for (double& value : z) value = stream.Normal();
    }
    std::vector<double> step(d);
    for (std::size_t k = 0; k < d; ++k) {
      mean[k] = t / (1 + t) * mean[k] + mu[k] / (1 + t);
    }
    for (const auto& row : rows) {
      std::vector<double> off(d);
      for (std::size_t k = 0; k < d; ++k) off[k] = row[k] - mean[k];
      const double weight = Dot(off, z);
      for (std::size_t k = 0; k < d; ++k) step[k] += weight * off[k];
    }
    const double length = std::sqrt(Dot(step, step));
    for (std::size_t k = 0; k < d; ++k) {
      z[k] = t / (1 + t) * z[k] + step[k] / length / (1 + t);
    }
    const double norm = std::sqrt(Dot(z, z));
    for (double& value : z) value /= norm;
    std::size_t best = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      if (Dot(rows[i], z) > Dot(rows[best], z)) best = i;
    }
    return best;
  }
};

TEST(Mimic, FollowsTheDirectionOfLargestVarianceAndStays) {
  const auto attack = FromText("{name: mimic, target: power, warmup: 3}");
  Slow slow;
  std::size_t target = 0;
  bool differs = false;
  for (int round = 1; round <= 6; ++round) {
    const Rows rows = DrawRows(static_cast<std::uint64_t>(round), 7, 5);
    if (round <= 3) target = slow.Round(rows, round - 1.0, 4);
    Stage stage{.known = rows};
    stage.context.seed = 4;
    stage.context.round = round;
    const Crafted crafted = stage.Play(*attack);
    EXPECT_EQ(crafted.vectors.at(0), rows[target]) << round;
    EXPECT_EQ(crafted.diagnostics.at("attack/client"),
              static_cast<double>(target));
    for (const auto& row : rows) {
      if (round > 3)
        differs = differs || Dot(row, slow.z) > Dot(rows[target], slow.z);
    }
  }
  EXPECT_TRUE(differs) << "staying is never other than going on to look";
}

TEST(Mimic, FindsTheClientThatDiffers) {
  // All variance is along (1, -1): the ends are rows 1 and 2.
  Stage stage{.known = {{1, 1}, {3, -1}, {-2, 4}, {1.5, 0.5}}};
  stage.context.seed = 9;
  const double client = stage.Play(*FromText("{name: mimic, target: power}"))
                            .diagnostics.at("attack/client");
  EXPECT_TRUE(client == 1.0 || client == 2.0) << client;
}

TEST(Mimic, ComesBackToAClientThatWasAbsent) {
  const auto attack = FromText("{name: mimic, target: power}");
  const auto play = [&](const Rows& rows, std::vector<std::int64_t> clients) {
    aggregate::UpdateTable known;
    std::vector<const double*> pointers;
    for (const auto& row : rows) pointers.push_back(row.data());
    known.rows = std::move(pointers);
    known.dimension = 1;
    known.clients = std::move(clients);
    Scene scene;
    scene.known = &known;
    scene.num_byzantine = 1;
    scene.num_total = known.num_rows() + 1;
    return attack->Craft(scene).diagnostics.at("attack/client");
  };
  const Rows rows = {{-4.0}, {1.0}, {3.0}};
  // In one dimension z is 1 or -1, and the client one of the ends.
  const bool up = play(rows, {10, 20, 30}) == 30.0;
  const std::int64_t chosen = up ? 30 : 10;
  // Absent: the end of those present is copied, but not for good.
  EXPECT_EQ(play({{-4.0}, {1.0}, {3.0}}, {21, 22, 23}), up ? 23.0 : 21.0);
  // Back in the middle: copied all the same.
  EXPECT_EQ(play(rows, {5, chosen, 40}), static_cast<double>(chosen));
}

TEST(Mimic, ContinuesFromItsState) {
  const std::string text = "{name: mimic, target: power, warmup: 4}";
  const auto whole = FromText(text);
  auto parts = FromText(text);
  for (int round = 1; round <= 6; ++round) {
    Stage stage{.known = DrawRows(static_cast<std::uint64_t>(round), 6, 4)};
    stage.context.round = round;
    EXPECT_EQ(stage.Play(*whole).vectors, stage.Play(*parts).vectors);
    const aggregate::State state = parts->SaveState();
    parts = FromText(text);
    parts->LoadState(state);
    EXPECT_EQ(parts->SaveState(), state);
  }
  EXPECT_THAT(FromText("mimic")->SaveState(), IsEmpty());
}

TEST(Mimic, SurvivesUpdatesThatDoNotDiffer) {
  Stage stage{.known = {{0, 0}, {0, 0}, {0, 0}}};
  const auto attack = FromText("{name: mimic, target: power, warmup: 2}");
  for (int round = 1; round <= 3; ++round) {
    EXPECT_THAT(stage.Play(*attack).vectors, ElementsAre(ElementsAre(0, 0)));
  }
}

}  // namespace
}  // namespace fedtorch::attack
