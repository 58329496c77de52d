#pragma once

#include "fedtorch/kernel/selection_network.h"
#include "fedtorch/kernel/tile_buffer.h"

#include <cstddef>

namespace fedtorch::kernel {

// Order statistics of every column of n rows.
//
// Common to all functions of this header:
//   `rows` holds n pointers to rows, n being the `count()` of the network; they
//   stay as they are. The work is on the columns [first, last) of them, and
//   entry k of an output belongs to column first + k.
//   Values must be finite. -0 counts as +0 and is returned as +0.
//   A column's result depends on its own values only: not on how columns are
//   split among calls and threads, nor on the order of the rows, nor on the
//   instruction set, to the last bit.
//   Cost: the comparators of the network, about a cycle of one core each for 8
//   (float) or 4 columns; some tens of thousand columns a call hide the way of
//   the rows from memory best. Memory: the buffer, at most about 1 MiB for up
//   to 1000 rows.
//   Threads: safe where the buffers and outputs are disjoint.

/// What the median of an even number of values is.
enum class EvenMedian {
  kMean,   ///< the mean of the two in the middle
  kLower,  ///< the smaller one of them
};

/// Returns the network for medians of `count` rows. It serves both forms.
SelectionNetwork MedianNetwork(std::size_t count);
/// Returns the network for means of `count` rows without the `trim` smallest
/// and the `trim` largest. Errors: Bug unless 2 trim < count.
SelectionNetwork TrimmedNetwork(std::size_t count, std::size_t trim);
/// Returns the network that sorts `count` rows wholly.
SelectionNetwork SortingNetwork(std::size_t count);

/// Computes the median of each column, out [last - first]. A mean of two values
/// is taken in double. A float output is rounded once; it is the centre for
/// AddGram. `network` comes from MedianNetwork, or is any that leaves the
/// middle ranks in place.
template <class Real, class Out>
void ColumnMedians(const SelectionNetwork& network,
                   const Real* const* rows,
                   std::size_t first,
                   std::size_t last,
                   EvenMedian even,
                   TileBuffer& buffer,
                   Out* out);

/// Computes the mean of the network's ranks in each column, out [last - first]:
/// the trimmed mean with TrimmedNetwork. The values are added in double from
/// the smallest to the largest, never as a sum of all minus the extremes, whose
/// digits the extremes would take.
template <class Real>
void ColumnTrimmedMeans(const SelectionNetwork& network,
                        const Real* const* rows,
                        std::size_t first,
                        std::size_t last,
                        TileBuffer& buffer,
                        double* out);

/// Computes in each column the mean of the `nearest` values closest to
/// centre [last - first], out [last - first]; `centre` may be `out`. Distances
/// are |value - centre| rounded to double. Of values equally far on both sides
/// of the centre those of the lowest rows count, the only case in which the
/// order of rows matters; it costs a pass over the column, by one value at a
/// time. The values are added in double from the smallest to the largest.
/// `network` comes from SortingNetwork.
/// Errors: Bug unless 0 < nearest <= n and the network keeps all ranks.
template <class Real>
void ColumnMeansAround(const SelectionNetwork& network,
                       const Real* const* rows,
                       std::size_t first,
                       std::size_t last,
                       std::size_t nearest,
                       const double* centre,
                       TileBuffer& buffer,
                       double* out);

/// Sorts each column: out [r * stride + k] is rank network.first() + r of
/// column first + k, for the network's ranks. `stride` is at least last -
/// first.
template <class Real>
void SortColumns(const SelectionNetwork& network,
                 const Real* const* rows,
                 std::size_t first,
                 std::size_t last,
                 TileBuffer& buffer,
                 std::size_t stride,
                 Real* out);

}  // namespace fedtorch::kernel
