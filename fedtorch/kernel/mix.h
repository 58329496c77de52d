#pragma once

#include "fedtorch/kernel/tile_buffer.h"

#include <cstddef>

namespace fedtorch::kernel {

/// Combines `count` rows into one over the columns [first, last):
///   out[k] = sum_i weights[i] * rows[i][first + k],  k < last - first,
/// added in double in the order of the rows. Weights are [count].
/// Error: that of `count` multiply-adds in double, 1.2e-16 * count * sum
/// |term|. A column does not depend on how columns are split among calls. Bits
/// may differ between instruction sets, with and without fused multiply-adds.
/// Cost: one read of the rows. Threads: safe where the outputs are disjoint.
template <class Real>
void MixToOne(const Real* const* rows,
              std::size_t count,
              std::size_t first,
              std::size_t last,
              const double* weights,
              double* out);

/// Combines `count` rows into `results` rows over the columns [first, last):
///   out[r][k] = sum_i weights[r * count + i] * rows[i][k],  first <= k < last;
/// here k is a column of the output rows too, whose other columns stay as they
/// are. Weights are [results, count], each rounded to Real, and the sum runs
/// over the rows in order with multiply-adds in Real.
/// Error: at most (count + 1) * eps * sum |term|, eps = 6e-8 for float; take
/// MixToOne for the vector that is returned to a user.
/// Rows and outputs must not overlap. A column does not depend on how columns
/// are split among calls. Bits may differ between instruction sets.
/// Cost: 2 * count * results FLOP a column, at some thousand columns a call;
/// each call converts the weights. Memory: the buffer, at most about 1 MiB and
/// the converted weights.
/// Threads: safe where the buffers and outputs are disjoint.
template <class Real>
void MixRows(const Real* const* rows,
             std::size_t count,
             std::size_t first,
             std::size_t last,
             const double* weights,
             std::size_t results,
             TileBuffer& buffer,
             Real* const* out);

}  // namespace fedtorch::kernel
