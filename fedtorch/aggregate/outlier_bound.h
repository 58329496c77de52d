#pragma once

#include "fedtorch/aggregate/geometry.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns the ceil(n / 2) - 1 of the first `n` vectors, but at least one,
/// whose squared distances to as many nearest others have the smallest sums, in
/// ascending order. Cost: O(n^2 log n).
std::vector<std::int64_t> InnermostRows(const Geometry& geometry,
                                        std::int64_t n);

/// Returns mean + sigmas * standard deviation (n - 1 in the divisor), raised by
/// what rounding can make of equal scores: the smallest is never above it.
double OutlierBound(std::span<const double> scores, double sigmas);

}  // namespace fedtorch::aggregate
