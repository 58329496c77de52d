#pragma once

#include "fedtorch/aggregate/geometry.h"
#include "fedtorch/aggregate/matrix.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns |y_i - y_j|^2 of the first `n` vectors, [n, n].
Matrix SquaredDistances(const Geometry& geometry, std::int64_t n);

/// Returns the products of the vectors `rows` with their weighted mean taken
/// off, [r, r], from squared distances alone. `shares` [r] are >= 0, sum 1.
/// Only distances between `rows` are read, so a vector far away that is not
/// among them takes no digits from the others. Cost: O(r^2).
Matrix CentredProducts(const Matrix& squared_distances,
                       std::span<const std::int64_t> rows,
                       std::span<const double> shares);

/// Holds the largest eigenvalue of a matrix and a unit vector that belongs to
/// it. Of an eigenvalue that occurs twice any vector may come, but always the
/// same for the same matrix.
struct Eigenpair {
  double value = 0.0;
  std::vector<double> vector;
};

/// Returns the top eigenpair of a symmetric matrix without negative
/// eigenvalues, [r, r] with r >= 1; an eigenvalue that rounding made negative
/// is 0. Cost: O(r^3) up to 128 rows, then about O(r^2) (Lanczos 1950 with full
/// orthogonalisation; O(r^3) where that does not converge).
Eigenpair TopEigenpair(const Matrix& matrix);

/// Says how weighted vectors spread along the direction in which they spread
/// most.
struct DirectedSpread {
  double variance = 0.0;        ///< largest eigenvalue of their covariance
  std::vector<double> squares;  ///< [r] ((y_i - mean) . direction)^2
};

/// Returns the spread of `rows` with weights `shares` as in CentredProducts.
DirectedSpread LargestSpread(const Matrix& squared_distances,
                             std::span<const std::int64_t> rows,
                             std::span<const double> shares);

}  // namespace fedtorch::aggregate
