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
/// columns, the last of them filled up with zeros.
template <std::size_t kGroup, class Real>
HWY_INLINE void Pack(const ColumnRange<Real>& range,
                     std::size_t begin,
                     std::size_t end,
                     Real* packed) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  for (std::size_t row = 0; row < range.count; ++row) {
    const Real* from = range.rows[row];
    Real* to = packed + row * kGroup;
    std::size_t column = begin;
    for (; column + kGroup <= end; column += kGroup) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kGroup; v += kN) {
        hn::Store(hn::LoadU(d, from + column + v), d, to + v);
      }
      to += range.count * kGroup;
    }
    if (column == end) continue;
    for (std::size_t v = 0; v < kGroup; v += kN) {
      auto value = hn::Zero(d);
      if (column + v < end) {
        value = LoadAt<true>(from + column + v, end - column - v);
      }
      hn::Store(value, d, to + v);
    }
  }
}

/// Asks for columns [begin, end) of all rows, for the second-level cache, in
/// `steps` steps: the work on one tile hides the way of the next one. Many
/// small steps are better than few large ones, which would keep what the work
/// itself loads waiting.
template <class Real>
class Ahead {
 public:
  HWY_INLINE Ahead(const ColumnRange<Real>& range,
                   std::size_t begin,
                   std::size_t end,
                   std::size_t steps)
      : rows_(range.rows),
        begin_(begin),
        end_(end),
        column_(begin),
        rows_left_(begin < end ? range.count : 0),
        lines_((rows_left_ * ((end - begin) / kLine + 1) + steps - 1) / steps) {
  }

  HWY_INLINE void Step() {
    for (std::size_t line = 0; line < lines_ && rows_left_ > 0; ++line) {
      __builtin_prefetch(*rows_ + column_, 0, 2);
      column_ += kLine;
      if (column_ >= end_) {
        column_ = begin_;
        ++rows_;
        --rows_left_;
      }
    }
  }

 private:
  static constexpr std::size_t kLine = 64 / sizeof(Real);
  const Real* const* rows_;
  std::size_t begin_, end_, column_, rows_left_, lines_;
};

/// Columns of a tile, by measurement: what is asked for early must not leave
/// the second-level cache before its turn. A multiple of every group.
template <class Real>
constexpr std::size_t TileColumns(std::size_t count) {
  constexpr std::size_t kBytes = std::size_t{64} << 10;
  const std::size_t columns = kBytes / (count * sizeof(Real));
  return std::clamp<std::size_t>(columns / 64 * 64, 64, 1024);
}

/// Calls body(packed, column, width, ahead) for groups of kGroup columns of the
/// range: packed is [count][kGroup], of which `width` columns exist, the first
/// of them being `column` of the rows. The groups are laid out in tiles of
/// `tile` columns in `packed`, which holds count * tile values. The body does
/// `steps` steps of `ahead`.
template <std::size_t kGroup, class Real, class Body>
HWY_INLINE void ForEachGroup(const ColumnRange<Real>& range,
                             std::size_t tile,
                             std::size_t steps,
                             Real* packed,
                             Body body) {
  for (std::size_t begin = range.first; begin < range.last; begin += tile) {
    const std::size_t end = std::min(begin + tile, range.last);
    const std::size_t next_end = std::min(end + tile, range.last);
    Pack<kGroup>(range, begin, end, packed);
    const std::size_t groups = (end - begin + kGroup - 1) / kGroup;
    Ahead<Real> ahead(range, end, next_end, groups * steps);
    for (std::size_t group = 0; group < groups; ++group) {
      const std::size_t column = begin + group * kGroup;
      body(packed + group * range.count * kGroup,
           column,
           std::min(kGroup, end - column),
           ahead);
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
