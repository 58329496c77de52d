#pragma once

#include "fedtorch/aggregate/matrix.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Knows vectors by their inner products only, so that a rule which weighs
/// vectors costs O(n^2) once this is known, whatever their length.
///
/// The vectors are the inputs of a rule and, behind them, its references.
/// Differences are formed from products with a robust centre taken off, so a
/// distance keeps its digits however far the vectors are from the origin
/// (robustness 8.1). Threads: safe for readers.
class Geometry {
 public:
  /// `base`: the products of k centred base vectors and, last, of the centre
  /// itself, [k + 1, k + 1], symmetric. `coefficients` [m, k]: each vector as
  /// a mixture of the base vectors x_i (not centred).
  Geometry(const Matrix& base, const Matrix& coefficients);
  /// The vectors are the base vectors `picks`, as they are.
  Geometry(const Matrix& base, std::span<const std::int64_t> picks);

  std::int64_t size() const { return static_cast<std::int64_t>(sums_.size()); }
  /// <y_i, y_j>.
  double Dot(std::int64_t i, std::int64_t j) const;
  /// |y_i|^2 >= 0.
  double SquaredNorm(std::int64_t i) const;
  /// |y_i - y_j|^2 >= 0, exactly 0 for i = j.
  double SquaredDistance(std::int64_t i, std::int64_t j) const;
  /// |sum_k a_k y_k - y_i|^2 >= 0 for a mixture `a` [size()].
  double SquaredDistance(std::span<const double> a, std::int64_t i) const;
  /// |sum_k a_k y_k - sum_k b_k y_k|^2 >= 0.
  double SquaredDistance(std::span<const double> a,
                         std::span<const double> b) const;
  /// |sum_k a_k y_k - y_i|^2 >= 0 for all i, [size()]. Cost: O(size()^2).
  std::vector<double> SquaredDistances(std::span<const double> a) const;
  /// Products of all vectors with their mean over `rows` taken off, [r, r] for
  /// the r = rows.size() vectors named.
  Matrix CentredGram(std::span<const std::int64_t> rows) const;

  /// |sum_k a_k y_k|^2 >= 0.
  double SquaredLength(std::span<const double> a) const;

 private:
  Matrix centred_;               // [m, m] products of centred parts
  std::vector<double> towards_;  // [m] products of centred parts with centre
  std::vector<double> sums_;     // [m] how much of the centre is in each
  double centre_ = 0.0;          // |c|^2
};

}  // namespace fedtorch::aggregate
