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
  core::Stream stream = core::Stream::Named(seed, "min_max_test");
  Rows rows(n, std::vector<double>(d));
  for (auto& row : rows) {
    const double width = std::exp(stream.Normal());
    for (double& value : row) value = 0.5 + width * stream.Normal();
  }
  return rows;
}

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    square += (a[k] - b[k]) * (a[k] - b[k]);
  }
  return std::sqrt(square);
}

double Farthest(const Rows& rows, const std::vector<double>& from) {
  double most = 0.0;
  for (const auto& row : rows) most = std::max(most, Distance(row, from));
  return most;
}

double Diameter(const Rows& rows) {
  double most = 0.0;
  for (const auto& row : rows) most = std::max(most, Farthest(rows, row));
  return most;
}

// mu and p, written plainly.
struct Line {
  std::vector<double> mean;
  std::vector<double> p;

  Line(const Rows& rows, const std::string& direction, double ddof)
      : mean(rows[0].size()), p(rows[0].size()) {
    const auto n = static_cast<double>(rows.size());
    double square = 0.0;
    for (std::size_t k = 0; k < mean.size(); ++k) {
      for (const auto& row : rows) mean[k] += row[k] / n;
      square += mean[k] * mean[k];
    }
    for (std::size_t k = 0; k < mean.size(); ++k) {
      double variance = 0.0;
      for (const auto& row : rows) {
        variance += (row[k] - mean[k]) * (row[k] - mean[k]) / (n - ddof);
      }
      p[k] = direction == "unit"   ? -mean[k] / std::sqrt(square)
             : direction == "sign" ? (mean[k] > 0.0 ? -1.0 : 1.0)
                                   : -std::sqrt(variance);
    }
  }

  std::vector<double> At(double gamma) const {
    std::vector<double> at = mean;
    for (std::size_t k = 0; k < at.size(); ++k) at[k] += gamma * p[k];
    return at;
  }
};

TEST(MinMax, ReachesItsBoundAndNotBeyond) {
  for (const std::string direction : {"unit", "sign", "std"}) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      const Rows rows = DrawRows(seed, 2 + seed, 3 * seed);
      Stage stage{.known = rows};
      const Crafted crafted = stage.Play(
          *FromText("{name: min_max, direction: " + direction + "}"));
      const double gamma = crafted.diagnostics.at("attack/gamma");
      const Line line(rows, direction, 1.0);
      const double bound = Diameter(rows);
      EXPECT_LT(Distance(crafted.vectors.at(0), line.At(gamma)), 1e-10 * bound);
      EXPECT_NEAR(Farthest(rows, crafted.vectors[0]) / bound, 1.0, 1e-12);
      EXPECT_GT(Farthest(rows, line.At(gamma * (1 + 1e-6))), bound);
      // A fine bisection finds the same.
      double low = 0.0;
      double high = 1e6;
      for (int i = 0; i < 80; ++i) {
        const double middle = 0.5 * (low + high);
        (Farthest(rows, line.At(middle)) <= bound ? low : high) = middle;
      }
      EXPECT_NEAR(gamma / low, 1.0, 1e-9) << direction << " " << seed;
      EXPECT_EQ(stage.known, rows);
    }
  }
}

TEST(MinMax, FindsWhatIsKnownByHand) {
  // mu = (4, 5, 6), D^2 = 108, sigma = 3 each: from the row (7, 8, 9), along
  // -(3, 3, 3): 27 (gamma + 1)^2 = 108, gamma = 1.
  Stage stage{.known = InputA()};
  const auto attack = FromText("min_max");
  EXPECT_NEAR(stage.Play(*attack).diagnostics.at("attack/gamma"), 1.0, 1e-12);
  // With ddof 0 sigma is sqrt(6), and the vector the same.
  const Crafted other = stage.Play(*FromText("{name: min_max, ddof: 0}"));
  EXPECT_NEAR(
      other.diagnostics.at("attack/gamma"), 3.0 / std::sqrt(6.0), 1e-12);
  EXPECT_NEAR(other.vectors[0][0], 1.0, 1e-12);
  EXPECT_NEAR(other.vectors[0][2], 3.0, 1e-12);
}

TEST(MinMax, GoesBeyondTheSearchThatSaturates) {
  // In the direction of a unit vector the published search ends below 20.
  Rows rows = DrawRows(3, 6, 8);
  for (auto& row : rows) {
    for (double& value : row) value *= 1024.0;
  }
  Stage stage{.known = rows};
  EXPECT_GT(stage.Play(*FromText("{name: min_max, direction: unit}"))
                .diagnostics.at("attack/gamma"),
            100.0);
}

TEST(MinMax, ScalesWithTheUpdates) {
  for (const std::string direction : {"unit", "sign", "std"}) {
    const auto attack =
        FromText("{name: min_max, direction: " + direction + "}");
    Stage stage{.known = DrawRows(9, 7, 6)};
    const auto one = stage.Play(*attack).vectors.at(0);
    for (auto& row : stage.known) {
      for (double& value : row) value *= 0.001;
    }
    const auto other = stage.Play(*attack).vectors.at(0);
    for (std::size_t k = 0; k < one.size(); ++k) {
      EXPECT_NEAR(other[k], 0.001 * one[k], 1e-13);
    }
  }
}

TEST(MinMax, SendsTheMeanWhereThereIsNoRoomOrDirection) {
  Stage one{.known = {{1.0, -2.0}}};
  EXPECT_THAT(one.Play(*FromText("{name: min_max, direction: unit}")).vectors,
              ElementsAre(ElementsAre(1.0, -2.0)));
  Stage opposed{.known = {{1.0, -2.0}, {-1.0, 2.0}}};
  for (const std::string direction : {"unit", "sign"}) {
    EXPECT_THAT(
        opposed.Play(*FromText("{name: min_max, direction: " + direction + "}"))
            .vectors,
        ElementsAre(ElementsAre(0.0, 0.0)));
  }
  Stage same{.known = {{3.0, 3.0}, {3.0, 3.0}, {3.0, 3.0}}};
  EXPECT_THAT(same.Play(*FromText("min_max")).vectors,
              ElementsAre(ElementsAre(3.0, 3.0)));
}

TEST(MinMax, KeepsItsDigitsOnFloatRows) {
  const Rows rows = DrawRows(4, 6, 300);
  std::vector<float> flat;
  Rows rounded;
  for (const auto& row : rows) {
    auto& copy = rounded.emplace_back();
    for (const double value : row) {
      flat.push_back(static_cast<float>(value));
      copy.push_back(static_cast<double>(flat.back()));
    }
  }
  const auto table =
      aggregate::UpdateTable::Of<float>(std::span<const float>(flat), 300);
  Scene scene;
  scene.known = &table;
  scene.num_byzantine = 1;
  scene.num_total = 7;
  const Crafted crafted = FromText("min_max")->Craft(scene);
  EXPECT_NEAR(
      Farthest(rounded, crafted.vectors.at(0)) / Diameter(rounded), 1.0, 1e-12);
}

TEST(MinMax, StaysFiniteOnHugeUpdates) {
  Stage stage{.known = {{1e30, 1e30}, {-1e30, 3e30}, {0.0, 0.0}}};
  const auto vector = stage.Play(*FromText("min_max")).vectors.at(0);
  EXPECT_NEAR(
      Farthest(stage.known, vector) / Diameter(stage.known), 1.0, 1e-12);
}

}  // namespace
}  // namespace fedtorch::attack
