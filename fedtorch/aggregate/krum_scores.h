#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/config/section.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

/// Holds which of the published forms of Krum's score is meant.
struct KrumForm {
  enum class Distance { kSquared, kPlain, kQuartic };
  /// Nearest others that count: n - f - 2 in the paper, n - f - 1 elsewhere.
  std::int64_t fewer = 2;
  Distance distance = Distance::kSquared;

  /// Reads `neighbors` and `distance`.
  static KrumForm Read(config::Section& section);
  /// Names what is missing for `n` vectors; the paper's form needs
  /// n >= 2f + 3, the other n >= 2f + 1.
  std::string Obstacle(const std::string& name,
                       std::int64_t n,
                       std::int64_t f) const;
  /// Returns the score of each of the first `n` vectors: the sum over the
  /// n - f - `fewer` nearest others (none when that is not positive).
  /// Cost: O(n^2 log n).
  std::vector<double> Scores(const Geometry& geometry,
                             std::int64_t n,
                             std::int64_t f) const;
  /// Distance of the form between two vectors.
  double Between(const Geometry& geometry,
                 std::int64_t i,
                 std::int64_t j) const;
};

}  // namespace fedtorch::aggregate
