#pragma once

#include "fedtorch/aggregate/matrix.h"
#include "fedtorch/core/stream.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Holds the best two groups of values on a line.
struct LineSplit {
  std::vector<char> upper;  ///< [n] whether a value is in the upper group
  double lower_centre = 0.0;
  double upper_centre = 0.0;  ///< equal to the lower one where n < 2
};

/// Splits values in two such that the squared distances to the centres are
/// least: the optimum, not a local one. Of equal splits the lowest cut wins;
/// equal values stay together. Requires: n >= 1. Cost: O(n log n).
LineSplit SplitLine(std::span<const double> values);

/// Returns the least sums of squared distances to the centres of 1 to `most`
/// groups, [most]. Requires: 1 <= most <= n. Cost: O(most n^2).
std::vector<double> LeastSquares(std::vector<double> values, std::int64_t most);

/// Returns how many groups the gap statistic finds in values on a line, 1 to
/// `most`: they are scaled to [0, 1] and compared with `references` uniform
/// samples. At most n - 1 groups are tried, so fewer than three values are one.
/// Source: Tibshirani, Walther, Hastie 2001, section 3.
std::int64_t NumGroupsByGap(std::span<const double> values,
                            std::int64_t most,
                            std::int64_t references,
                            core::Stream& stream);

/// Splits vectors in two by Lloyd's steps from the pair that is farthest apart,
/// given their squared distances [n, n]. The first vector is in group 0; where
/// all are equal, all are. Cost: O(n^2) a step, at most 100 steps.
std::vector<char> TwoMeans(const Matrix& squared_distances);

}  // namespace fedtorch::aggregate
