#pragma once

#include "fedtorch/aggregate/update_table.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

// Rules that treat every coordinate on its own. Common to all functions: the
// rows are finite and at least one, weights are ignored, results are [d]
// float64. Values are added in float64 from the smallest to the largest, so
// the order of the rows is without influence unless a comment names it.
// Threads: parallel over columns, same bits for any number.

/// Returns the median of each coordinate; of an even number of values, where
/// `lower`, the smaller of the two in the middle, otherwise their mean.
std::vector<double> Medians(const UpdateTable& table, bool lower);

/// Returns the mean of each coordinate without the `trim` smallest and the
/// `trim` largest values. It is the mean of what is left, never the sum of all
/// less the extremes, whose digits the extremes would take.
/// Requires: 0 <= 2 trim < n.
std::vector<double> TrimmedMeans(const UpdateTable& table, std::int64_t trim);

/// Returns the mean of the `count` values of each coordinate that are nearest
/// to `centre` [d]; of values equally far those of the lowest rows count.
/// Requires: 1 <= count <= n.
std::vector<double> MeansAround(const UpdateTable& table,
                                std::span<const double> centre,
                                std::int64_t count);

/// Returns the number of positive less the number of negative values of each
/// coordinate. Cost: O(nd).
std::vector<std::int64_t> SignSums(const UpdateTable& table);

}  // namespace fedtorch::aggregate
