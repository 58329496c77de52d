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
  core::Stream stream = core::Stream::Named(seed, "min_sum_test");
  Rows rows(n, std::vector<double>(d));
  for (auto& row : rows) {
    const double width = std::exp(stream.Normal());
    for (double& value : row) value = 0.5 + width * stream.Normal();
  }
  return rows;
}

// Sum of squared distances to all rows.
double SumTo(const Rows& rows, const std::vector<double>& from) {
  double sum = 0.0;
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      sum += (row[k] - from[k]) * (row[k] - from[k]);
    }
  }
  return sum;
}

double Bound(const Rows& rows, bool largest) {
  std::vector<double> sums;
  for (const auto& row : rows) sums.push_back(SumTo(rows, row));
  return largest ? *std::max_element(sums.begin(), sums.end())
                 : *std::min_element(sums.begin(), sums.end());
}

std::vector<double> MeanOfRows(const Rows& rows) {
  std::vector<double> mean(rows[0].size());
  for (std::size_t k = 0; k < mean.size(); ++k) {
    for (const auto& row : rows) {
      mean[k] += row[k] / static_cast<double>(rows.size());
    }
  }
  return mean;
}

TEST(MinSum, ReachesItsBoundAndNotBeyond) {
  for (const std::string direction : {"unit", "sign", "std"}) {
    for (const std::string bound : {"max", "min"}) {
      for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        const Rows rows = DrawRows(seed, 2 + seed, 3 * seed);
        Stage stage{.known = rows};
        const auto vector =
            stage
                .Play(*FromText("{name: min_sum, direction: " + direction +
                                ", bound: " + bound + "}"))
                .vectors.at(0);
        const double most = Bound(rows, bound == "max");
        EXPECT_NEAR(SumTo(rows, vector) / most, 1.0, 1e-12);
        // On along the line from the mean: refused. Back: allowed, and more so
        // by bisection up to the same place.
        const std::vector<double> mean = MeanOfRows(rows);
        const auto at = [&](double factor) {
          std::vector<double> point = mean;
          for (std::size_t k = 0; k < point.size(); ++k) {
            point[k] += factor * (vector[k] - mean[k]);
          }
          return SumTo(rows, point);
        };
        EXPECT_GT(at(1 + 1e-6), most);
        double low = 0.0;
        double high = 100.0;
        for (int i = 0; i < 80; ++i) {
          const double middle = 0.5 * (low + high);
          (at(middle) <= most ? low : high) = middle;
        }
        EXPECT_NEAR(low, 1.0, 1e-9) << direction << bound << seed;
        EXPECT_EQ(stage.known, rows);
      }
    }
  }
}

TEST(MinSum, IsAsFarFromTheMeanAsTheFarthestHonestUpdate) {
  const Rows rows = DrawRows(8, 9, 5);
  const std::vector<double> mean = MeanOfRows(rows);
  const auto from_mean = [&](const std::vector<double>& row) {
    return std::sqrt(SumTo({mean}, row));
  };
  std::vector<double> distances;
  for (const auto& row : rows) distances.push_back(from_mean(row));
  Stage stage{.known = rows};
  for (const std::string direction : {"unit", "sign", "std"}) {
    const std::string text = "{name: min_sum, direction: " + direction;
    EXPECT_NEAR(from_mean(stage.Play(*FromText(text + "}")).vectors.at(0)),
                *std::max_element(distances.begin(), distances.end()),
                1e-12);
    EXPECT_NEAR(
        from_mean(stage.Play(*FromText(text + ", bound: min}")).vectors.at(0)),
        *std::min_element(distances.begin(), distances.end()),
        1e-12);
  }
}

TEST(MinSum, FindsWhatIsKnownByHand) {
  // mu = (4, 5, 6), the farthest row sqrt(27) away, |sigma| = sqrt(27).
  Stage stage{.known = InputA()};
  EXPECT_NEAR(stage.Play(*FromText("min_sum")).diagnostics.at("attack/gamma"),
              1.0,
              1e-12);
  // The nearest row is the mean itself.
  EXPECT_THAT(stage.Play(*FromText("{name: min_sum, bound: min}")).vectors,
              ElementsAre(ElementsAre(4.0, 5.0, 6.0)));
}

TEST(MinSum, ScalesWithTheUpdates) {
  const auto attack = FromText("{name: min_sum, direction: unit}");
  Stage stage{.known = DrawRows(9, 7, 6)};
  const auto one = stage.Play(*attack).vectors.at(0);
  for (auto& row : stage.known) {
    for (double& value : row) value *= 4096.0;
  }
  const auto other = stage.Play(*attack).vectors.at(0);
  for (std::size_t k = 0; k < one.size(); ++k) {
    EXPECT_NEAR(other[k] / (4096.0 * one[k]), 1.0, 1e-12);
  }
}

TEST(MinSum, SendsTheMeanWhereThereIsNoRoomOrDirection) {
  Stage one{.known = {{1.0, -2.0}}};
  EXPECT_THAT(one.Play(*FromText("min_sum")).vectors,
              ElementsAre(ElementsAre(1.0, -2.0)));
  Stage opposed{.known = {{1.0, -2.0}, {-1.0, 2.0}}};
  EXPECT_THAT(
      opposed.Play(*FromText("{name: min_sum, direction: unit}")).vectors,
      ElementsAre(ElementsAre(0.0, 0.0)));
}

}  // namespace
}  // namespace fedtorch::attack
