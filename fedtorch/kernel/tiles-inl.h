// Shared by the kernels' sources; included once for every instruction set.
#if defined(FEDTORCH_KERNEL_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FEDTORCH_KERNEL_TILES_INL_H_
#undef FEDTORCH_KERNEL_TILES_INL_H_
#else
#define FEDTORCH_KERNEL_TILES_INL_H_
#endif

#include "fedtorch/kernel/lanes-inl.h"

#include <algorithm>
#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

/// Columns [first, last) of `count` rows.
template <class Real>
struct ColumnRange {
  const Real* const* rows;
  std::size_t count;
  std::size_t first, last;
};

/// Lays columns [begin, end) out as [group][row][kGroup], groups of kGroup
/// columns, the last of them filled up with zeros. Adds a zero to each value,
/// which turns -0 into +0: a minimum of the two would be either, by the
/// instruction set and by the order.
template <std::size_t kGroup, class Real>
HWY_INLINE void Pack(const ColumnRange<Real>& range,
                     std::size_t begin,
                     std::size_t end,
                     Real* packed) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  const auto zero = hn::Zero(d);
  for (std::size_t row = 0; row < range.count; ++row) {
    const Real* from = range.rows[row];
    Real* to = packed + row * kGroup;
    std::size_t column = begin;
    for (; column + kGroup <= end; column += kGroup) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kGroup; v += kN) {
        hn::Store(hn::Add(hn::LoadU(d, from + column + v), zero), d, to + v);
      }
      to += range.count * kGroup;
    }
    if (column == end) continue;
    for (std::size_t v = 0; v < kGroup; v += kN) {
      auto value = zero;
      if (column + v < end) {
        value = LoadAt<true>(from + column + v, end - column - v);
      }
      hn::Store(hn::Add(value, zero), d, to + v);
    }
  }
}

/// Asks for columns [begin, end) of the rows of part `part` out of `parts`, for
/// the second-level cache: the work on one tile hides the way of the next one.
template <class Real>
HWY_INLINE void Ask(const ColumnRange<Real>& range,
                    std::size_t begin,
                    std::size_t end,
                    std::size_t part,
                    std::size_t parts) {
  constexpr std::size_t kLine = 64 / sizeof(Real);
  for (std::size_t row = part * range.count / parts;
       row < (part + 1) * range.count / parts;
       ++row) {
    for (std::size_t column = begin; column < end; column += kLine) {
      __builtin_prefetch(range.rows[row] + column, 0, 2);
    }
  }
}

/// Columns of a tile: about the size of a quarter of the second-level cache,
/// for long runs of each row. A multiple of every group.
template <class Real>
constexpr std::size_t TileColumns(std::size_t count) {
  constexpr std::size_t kBytes = std::size_t{512} << 10;
  const std::size_t columns = kBytes / (count * sizeof(Real));
  return std::clamp<std::size_t>(columns / 64 * 64, 64, 1024);
}

/// Calls body(packed, column, width) for groups of kGroup columns of the range:
/// packed is [count][kGroup], of which `width` columns exist, the first of them
/// being `column` of the rows. The groups are laid out in tiles of `tile`
/// columns in `packed`, which holds count * tile values.
template <std::size_t kGroup, class Real, class Body>
HWY_INLINE void ForEachGroup(const ColumnRange<Real>& range,
                             std::size_t tile,
                             Real* packed,
                             Body body) {
  for (std::size_t begin = range.first; begin < range.last; begin += tile) {
    const std::size_t end = std::min(begin + tile, range.last);
    const std::size_t next_end = std::min(end + tile, range.last);
    Pack<kGroup>(range, begin, end, packed);
    const std::size_t groups = (end - begin + kGroup - 1) / kGroup;
    for (std::size_t group = 0; group < groups; ++group) {
      Ask(range, end, next_end, group, groups);
      const std::size_t column = begin + group * kGroup;
      body(packed + group * range.count * kGroup,
           column,
           std::min(kGroup, end - column));
    }
  }
}

/// The vector of doubles, and as many values of another type.
using Doubles = Tag<double>;
template <class Real>
using AsManyAsDoubles = hn::Rebind<Real, Doubles>;

/// Loads as many values as a vector of doubles has, as doubles.
template <class Real>
HWY_INLINE hn::Vec<Doubles> LoadDoubles(const Real* from) {
  const Doubles d;
  if constexpr (sizeof(Real) == sizeof(double)) {
    return hn::LoadU(d, from);
  } else {
    return hn::PromoteTo(d, hn::LoadU(AsManyAsDoubles<Real>(), from));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#endif  // FEDTORCH_KERNEL_TILES_INL_H_
