#include "fedtorch/aggregate/columns.h"

#include "fedtorch/core/stream.h"
#include "tests/aggregate/plain_columns.h"
#include "tests/aggregate/rule_case.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

// Rows of many magnitudes with many equal values, both zeros, and a few
// values that would take the digits of all others in a sum.
Rows WildRows(std::int64_t n, std::int64_t d) {
  core::Stream stream =
      core::Stream::Named(1, "wild", {static_cast<std::uint64_t>(n)});
  Rows rows = DrawRows(2, n, d);
  for (auto& row : rows) {
    for (double& value : row) {
      switch (stream.Below(6)) {
        case 0:
          value = std::round(value);
          break;
        case 1:
          value *= 1e30;
          break;
        case 2:
          value = -0.0;
          break;
        case 3:
          value = std::ldexp(value, -140);
          break;
        default:
          break;
      }
      value = static_cast<double>(static_cast<float>(value));
    }
  }
  return rows;
}

// Widths around a block of columns, and heights around what sorts in
// registers.
TEST(Columns, HaveTheBitsOfPlainOnes) {
  for (const std::int64_t n : {1, 2, 3, 8, 31, 32, 33, 64, 100}) {
    for (const std::int64_t d : {1, 15, 33, 500}) {
      const Rows rows = WildRows(n, d);
      Updates updates;
      updates.dimension = d;
      for (const auto& row : rows) {
        updates.rows.emplace_back(row.begin(), row.end());
      }
      for (const UpdateTable& table : {TableOf(rows), updates.Table()}) {
        for (const bool lower : {false, true}) {
          EXPECT_EQ(Medians(table, lower), plain::Medians(table, lower));
        }
        const std::vector<double> centre = plain::Medians(table, false);
        for (const std::int64_t f : {std::int64_t{0}, n / 5, (n - 1) / 2}) {
          EXPECT_EQ(TrimmedMeans(table, f), plain::TrimmedMeans(table, f));
          EXPECT_EQ(MeansAround(table, centre, n - f),
                    plain::MeansAround(table, centre, n - f));
        }
      }
    }
  }
}

TEST(Columns, GoBeyondABlock) {
  const Rows rows = WildRows(7, 16384 * 2 + 5);
  const UpdateTable table = TableOf(rows);
  EXPECT_EQ(Medians(table, false), plain::Medians(table, false));
  EXPECT_EQ(TrimmedMeans(table, 2), plain::TrimmedMeans(table, 2));
  // From 0.5 all values of 1e-42 are equally far, and the kernel takes those
  // that lie side by side instead of the lowest rows.
  const std::vector<double> centre(16384 * 2 + 5, 0.5);
  const std::vector<double> means = MeansAround(table, centre, 5);
  const std::vector<double> expected = plain::MeansAround(table, centre, 5);
  for (std::size_t k = 0; k < means.size(); ++k) {
    ASSERT_NEAR(means[k], expected[k], 1e-40) << "column " << k;
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
