#include "fedtorch/aggregate/geometry.h"
#include "tests/aggregate/rule_case.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

TEST(GeometryDistances, AreThoseOfTheValues) {
  Rows rows = DrawRows(1, 7, 300);
  // Far from the origin, with one far outlier and a mixture that sums to 0.6.
  for (auto& row : rows) {
    for (double& value : row) value += 1000.0;
  }
  rows[3].assign(300, -1e12);
  Matrix mixing(8, 7);
  for (std::int64_t i = 0; i < 7; ++i) mixing(i, i) = 1.0;
  mixing(7, 0) = 0.4;
  mixing(7, 6) = 0.2;
  const UpdateTable table = TableOf(rows);
  const Inputs inputs(table);
  const Inputs mixed = inputs.Mixed(mixing);
  std::vector<double> extra(300);
  for (std::size_t k = 0; k < 300; ++k) {
    extra[k] = 0.4 * rows[0][k] + 0.2 * rows[6][k];
  }
  rows.push_back(extra);
  const std::vector<std::vector<double>> mixtures = {
      {0, 0, 0, 0, 0, 0, 0, 0},
      {0.3, 0.3, 0.2, 1e-12, 0.2, 0, 0, 0},
      {0, 0, 0, 0, 0, 0, 0, 1},
      {0, 0, 0, 0, 0, 1, 0, 0},
      {0, 1e-7, 0, 0, 0, 1.0 - 1e-7, 0, 0}};
  for (const auto& mixture : mixtures) {
    std::vector<double> point(300);
    for (std::size_t i = 0; i < 8; ++i) {
      for (std::size_t k = 0; k < 300; ++k) {
        point[k] += mixture[i] * rows[i][k];
      }
    }
    const std::vector<double> distances =
        mixed.geometry().SquaredDistances(mixture);
    ASSERT_EQ(distances.size(), 8u);
    for (std::size_t i = 0; i < 8; ++i) {
      const double expected = Distance(point, rows[i]);
      EXPECT_NEAR(std::sqrt(distances[i]), expected, 1e-9 * expected + 1e-12)
          << i;
    }
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
