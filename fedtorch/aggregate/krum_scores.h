#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/config/section.h"

#include <algorithm>
#include <cstdint>
#include <span>
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
  /// The same among the vectors `rows` only, in their order, from distances of
  /// the form; at least `least` neighbours count where there are others.
  std::vector<double> Scores(const Matrix& distances,
                             std::span<const std::int64_t> rows,
                             std::int64_t f,
                             std::int64_t least) const;
  /// Distances of the form between the first `n` vectors, [n, n].
  Matrix Distances(const Geometry& geometry, std::int64_t n) const;
  /// Takes the best vector of the first `n` away `count` <= n times, scoring
  /// what is left anew each time, and returns them in that order. One
  /// neighbour at least counts, so that no choice is left to the row numbers.
  /// Cost: O(n^2 log n) for every choice, all from one distance matrix.
  std::vector<std::int64_t> SelectOneByOne(const Geometry& geometry,
                                           std::int64_t n,
                                           std::int64_t f,
                                           std::int64_t count) const;
  /// Distance of the form between two vectors.
  double Between(const Geometry& geometry,
                 std::int64_t i,
                 std::int64_t j) const;
};

}  // namespace fedtorch::aggregate
