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
  /// Takes the best vector of the first `n` away `count` <= n times, scoring
  /// what is left anew each time, and returns them in that order. One
  /// neighbour at least counts, so that no choice is left to the row numbers.
  /// Cost: O(n^2 log n), and O(n^2) for every choice.
  std::vector<std::int64_t> SelectOneByOne(const Geometry& geometry,
                                           std::int64_t n,
                                           std::int64_t f,
                                           std::int64_t count) const;
  /// Distance of the form between two vectors.
  double Between(const Geometry& geometry,
                 std::int64_t i,
                 std::int64_t j) const;
};

/// Scores vectors of which one after the other is taken away, from distances
/// that are computed and sorted once.
class ShrinkingScores {
 public:
  /// Begins with the first `n` vectors; `f` stays what it is.
  ShrinkingScores(const KrumForm& form,
                  const Geometry& geometry,
                  std::int64_t n,
                  std::int64_t f);

  /// Vectors not taken away, ascending.
  const std::vector<std::int64_t>& left() const { return left_; }
  /// Scores of `left()` among themselves; one neighbour at least counts where
  /// there is one. Cost: O(n^2).
  std::vector<double> Scores() const;
  /// Takes a vector away. Cost: O(n^2).
  void Remove(std::int64_t row);

 private:
  struct Neighbour {
    double distance = 0.0;
    std::int64_t row = 0;
  };
  std::int64_t fewer_;
  std::int64_t f_;
  std::vector<std::int64_t> left_;
  std::vector<std::vector<Neighbour>> nearest_;  // [n], of those left
};

}  // namespace fedtorch::aggregate
