#pragma once

#include "fedtorch/aggregate/update_table.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::attack {

/// Holds coordinate-wise statistics of updates, float64.
struct Statistics {
  std::vector<double> mean;  ///< [d]
  std::vector<double> std;   ///< [d]
};

/// Returns mean and standard deviation of each coordinate over the rows; the
/// squares are divided by n - ddof. Requires: n >= 1; the deviation is 0 where
/// n - ddof < 1. Two passes, rows in order. Cost: O(nd). Threads: parallel over
/// coordinates, same bits for any number.
Statistics StatisticsOf(const aggregate::UpdateTable& table, std::int64_t ddof);

/// Returns only the mean.
std::vector<double> MeanOf(const aggregate::UpdateTable& table);

/// Reads the key `ddof` of an attack that uses the deviation.
std::int64_t ReadDdof(config::Section& section);

/// Returns the norm of each row, [n]. Cost: O(nd). Threads: parallel over rows,
/// same bits for any number.
std::vector<double> NormsOf(const aggregate::UpdateTable& table);

/// Holds how rows lie around a point m along a direction p.
struct Offsets {
  std::vector<double> squares;  ///< [n] |x_i - m|^2
  std::vector<double> along;    ///< [n] <x_i - m, p>; 0 without a direction
};

/// Returns the offsets of the rows; `direction` is [d], or empty for none.
/// Differences are formed before products. Cost and threads as NormsOf.
Offsets OffsetsOf(const aggregate::UpdateTable& table,
                  std::span<const double> point,
                  std::span<const double> direction);

/// Returns |vector|.
double NormOf(std::span<const double> vector);

}  // namespace fedtorch::attack
