#pragma once

#include "fedtorch/kernel/tile_buffer.h"

#include <cstddef>

namespace fedtorch::kernel {

/// Adds the inner products of `count` rows over the columns [first, last), less
/// a centre c:
///   gram[i * count + j] += sum_k (x_i[k] - c[k]) * (x_j[k] - c[k])
/// for all i and j. With x_i = rows[i]; the centre is [last - first], its entry
/// k belonging to column first + k, or null for 0. Choose it near most rows,
/// such as their median: squared distances G_ii + G_jj - 2 G_ij lose the digits
/// that the products have in common.
///
/// Differences and products are of the type of the rows, summed over at most
/// 2 KiB of a row from `first` on, and those sums are added in double in order.
/// Error of an entry: at most 40 eps of that type times
/// sum_k |x_i[k] - c[k]| |x_j[k] - c[k]| on vectors of 16; entries of plain
/// scalar code have up to 512 terms a sum.
/// An entry depends on its two rows, the centre, first, last and the
/// instruction set only, not on other rows or on the place among them: equal
/// rows have equal entries. Add the results of several ranges in a fixed order.
/// Cost: count^2 (last - first) FLOP, half of what the full product takes.
/// Memory: the buffer, (2 KiB + 4 count bytes) * count.
/// Threads: safe where the buffers and outputs are disjoint.
template <class Real>
void AddGram(const Real* const* rows,
             std::size_t count,
             std::size_t first,
             std::size_t last,
             const Real* centre,
             TileBuffer& buffer,
             double* gram);

}  // namespace fedtorch::kernel
