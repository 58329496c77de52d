#pragma once

#include "fedtorch/aggregate/update_table.h"
#include "fedtorch/core/stream.h"

#include <cstdint>
#include <vector>

namespace fedtorch::aggregate {

/// Owns the same rows in both number types: values of float that double holds.
struct RandomRows {
  std::vector<std::vector<double>> values;
  std::vector<std::vector<float>> floats;

  explicit RandomRows(std::vector<std::vector<double>> rows) {
    for (const auto& row : rows) {
      floats.emplace_back(row.begin(), row.end());
      values.emplace_back(floats.back().begin(), floats.back().end());
    }
  }

  /// Draws `n` rows of length `d` around one direction; the last `outliers`
  /// point the other way, three times as long.
  static RandomRows Draw(std::uint64_t seed,
                         std::int64_t n,
                         std::int64_t d,
                         std::int64_t outliers) {
    core::Stream stream = core::Stream::Named(seed, "random rows");
    std::vector<double> centre;
    for (std::int64_t k = 0; k < d; ++k) centre.push_back(stream.Normal());
    std::vector<std::vector<double>> rows;
    for (std::int64_t i = 0; i < n; ++i) {
      const double scale = i >= n - outliers ? -3.0 : 1.0;
      std::vector<double>& row = rows.emplace_back();
      for (const double value : centre) {
        row.push_back(scale * (value + 0.6 * stream.Normal()));
      }
    }
    return RandomRows(std::move(rows));
  }

  UpdateTable Doubles() const { return Table<double>(values); }
  UpdateTable Floats() const { return Table<float>(floats); }

 private:
  template <class Real>
  static UpdateTable Table(const std::vector<std::vector<Real>>& rows) {
    UpdateTable table;
    table.dimension = static_cast<std::int64_t>(rows.front().size());
    std::vector<const Real*> pointers;
    for (const auto& row : rows) pointers.push_back(row.data());
    table.rows = std::move(pointers);
    return table;
  }
};

}  // namespace fedtorch::aggregate
