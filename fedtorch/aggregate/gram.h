#pragma once

#include "fedtorch/aggregate/matrix.h"
#include "fedtorch/aggregate/update_table.h"

#include <cstdint>
#include <span>

namespace fedtorch::aggregate {

/// Returns the inner products of the rows with a robust centre c taken off, and
/// of c itself, [n + 1, n + 1]: entry (i, j) is <x_i - c, x_j - c>, entry
/// (i, n) is <x_i - c, c>, the last is <c, c>. c is the coordinate median of
/// the first `num_centred` rows, or of 31 of them spread evenly where there are
/// more: a robust centre is as good as another.
/// Cost: O(n^2 d). Threads: parallel over columns, same bits for any number.
Matrix CentredGram(const UpdateTable& vectors, std::int64_t num_centred);

/// Writes out[i, :] = sum_k coefficients(i, k) rows[k], [m, dimension], in the
/// type of the rows. Cost: O(m n d).
template <class Real>
void MixRows(std::span<const Real* const> rows,
             const Matrix& coefficients,
             std::size_t dimension,
             std::span<Real> out);

/// Writes out = sum_k coefficients[k] row k, [d], in float64, rows in order.
/// Rows with coefficient 0 are not read. Cost: O(nd).
void WeightedSum(const UpdateTable& table,
                 std::span<const double> coefficients,
                 std::span<double> out);

}  // namespace fedtorch::aggregate
