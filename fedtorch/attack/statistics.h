#pragma once

#include "fedtorch/aggregate/update_table.h"

#include <cstdint>
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

}  // namespace fedtorch::attack
