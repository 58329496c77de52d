#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace fedtorch::aggregate {

/// Finds the geometric median of inputs, argmin_z sum_i |z - x_i|, by smoothed
/// Weiszfeld steps z <- sum_i b_i x_i / sum_i b_i, b_i = 1 / max(nu, |z -
/// x_i|). All inputs count the same. Works on inner products. Cost: O(n^2) a
/// step. Source: Weiszfeld 1937; Pillutla, Kakade, Harchaoui 2022, algorithm 2.
struct Weiszfeld {
  enum class Start { kMedian, kMean, kWeightedMean, kZero };
  Start start = Start::kMedian;
  double nu = 1e-6;
  /// Whether `nu` counts in median distances from z to the inputs, taken anew
  /// each step: an absolute one that is larger than the updates makes the rule
  /// the mean.
  bool relative = true;
  std::int64_t iterations = 100;
  /// Ends when a step is at most this share of the median distance; 0 = when
  /// nothing moves.
  double tolerance = 1e-8;
  std::optional<double> max_norm;  ///< a median this long or longer becomes 0

  /// Reads `start`, `nu`, `relative`, `iterations`, `tolerance`, `max_norm`.
  static Weiszfeld Read(config::Section& section);
  /// Returns the coordinate median of the inputs where the search starts there.
  std::vector<std::vector<double>> References(const Inputs& inputs) const;
  /// Returns the coefficients of the median over the vectors of `geometry`: the
  /// inputs, then what References gave. Stops at once where half of the inputs
  /// lie at z, which is then a median. Diagnostics: aggregate/steps, and
  /// aggregate/rejected where max_norm is given.
  Combination Combine(const Geometry& geometry, const Inputs& inputs) const;
};

}  // namespace fedtorch::aggregate
