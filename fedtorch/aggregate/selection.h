#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns the indices of the `count` smallest values, the smallest first; of
/// equal values the lowest index comes first. 0 <= count <= values.size().
/// Cost: O(n log n).
std::vector<std::int64_t> Smallest(std::span<const double> values,
                                   std::int64_t count);

/// Returns the coefficients [size] of the plain mean of `rows`, at least one.
std::vector<double> MeanOver(std::span<const std::int64_t> rows,
                             std::int64_t size);

/// Whether at most `limit` subsets of `k` out of `n` exist, 0 <= k <= n.
bool AtMostSubsets(std::int64_t n, std::int64_t k, double limit);

}  // namespace fedtorch::aggregate
