#include "fedtorch/kernel/columns.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/targets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/columns.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

using Run = SelectionNetwork::Run;
using Wires = SelectionNetwork::Wires;

// Batcher's sort of kSize wires, known to the compiler.
template <std::size_t kSize>
struct FixedSort {
  static constexpr std::size_t Walk(
      std::array<std::pair<std::size_t, std::size_t>, 256>* pairs) {
    std::size_t number = 0;
    for (std::size_t half = 1; half < kSize; half *= 2) {
      for (std::size_t step = half; step >= 1; step /= 2) {
        for (std::size_t lo = 0; lo < kSize; lo += 2 * half) {
          for (std::size_t run = step == half ? 0 : step; run + step < 2 * half;
               run += 2 * step) {
            for (std::size_t i = lo + run; i < lo + run + step; ++i) {
              if (i + step >= kSize) continue;
              (*pairs)[number++] = {i, i + step};
            }
          }
        }
      }
    }
    return number;
  }
  static constexpr std::array<std::pair<std::size_t, std::size_t>, 256> kPairs =
      [] {
        std::array<std::pair<std::size_t, std::size_t>, 256> pairs{};
        Walk(&pairs);
        return pairs;
      }();
  static constexpr std::size_t kNumber = [] {
    std::array<std::pair<std::size_t, std::size_t>, 256> pairs{};
    return Walk(&pairs);
  }();
};

template <class V>
HWY_INLINE void CompareExchange(V& low, V& high) {
  const V smaller = hn::Min(low, high);
  high = hn::Max(low, high);
  low = smaller;
}

template <std::size_t kSize, class V, std::size_t... kI>
HWY_INLINE void SortRegisters(V (&values)[kSize], std::index_sequence<kI...>) {
  (CompareExchange(values[FixedSort<kSize>::kPairs[kI].first],
                   values[FixedSort<kSize>::kPairs[kI].second]),
   ...);
}

// Sorts kSize rows, a vector of columns at a time, into wires that lie `group`
// values apart. The registers of AVX-512 hold all wires; elsewhere the compiler
// spills some.
template <std::size_t kSize, class Real>
HWY_NOINLINE void SortRows(const Real* const* rows,
                           std::size_t column,
                           std::size_t group,
                           Real* wires) {
  const Tag<Real> d;
  for (std::size_t v = 0; v < group; v += kLanes<Real>) {
    Vector<Real> values[kSize];
#pragma GCC unroll 32
    for (std::size_t i = 0; i < kSize; ++i) {
      values[i] = hn::LoadU(d, rows[i] + column + v);
    }
    SortRegisters(values,
                  std::make_index_sequence<FixedSort<kSize>::kNumber>());
#pragma GCC unroll 32
    for (std::size_t i = 0; i < kSize; ++i) {
      hn::Store(values[i], d, wires + i * group + v);
    }
  }
}

template <std::size_t kSize, class Real>
HWY_INLINE void SortRowsOf(std::size_t size,
                           const Real* const* rows,
                           std::size_t column,
                           std::size_t group,
                           Real* wires) {
  if (size == SelectionNetwork::kSortedAtOnce) {
    SortRows<SelectionNetwork::kSortedAtOnce>(rows, column, group, wires);
  } else if (size == kSize) {
    SortRows<kSize>(rows, column, group, wires);
  } else if constexpr (kSize > 1) {
    SortRowsOf<kSize - 1>(size, rows, column, group, wires);
  }
}

template <Run::Kind kKind, std::size_t kGroup, class Real>
HWY_INLINE void Compare(const Wires* from, const Wires* to, Real* packed) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  for (; from != to; ++from) {
    Real* low = packed + from->low * kGroup;
    Real* high = packed + from->high * kGroup;
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kGroup; v += kN) {
      const auto a = hn::Load(d, low + v);
      const auto b = hn::Load(d, high + v);
      if (kKind != Run::Kind::kHigh) hn::Store(hn::Min(a, b), d, low + v);
      if (kKind != Run::Kind::kLow) hn::Store(hn::Max(a, b), d, high + v);
    }
  }
}

template <std::size_t kGroup, class Real>
HWY_INLINE void RunNetwork(const SelectionNetwork& network,
                           const Real* const* rows,
                           std::size_t column,
                           Ahead<Real>& ahead,
                           Real* packed) {
  const Wires* wires = network.wires().data();
  for (const Run& run : network.runs()) {
    const Wires* from = wires + run.begin;
    const Wires* to = wires + run.end;
    ahead.Step();
    switch (run.kind) {
      case Run::Kind::kBoth:
        Compare<Run::Kind::kBoth, kGroup>(from, to, packed);
        break;
      case Run::Kind::kLow:
        Compare<Run::Kind::kLow, kGroup>(from, to, packed);
        break;
      case Run::Kind::kHigh:
        Compare<Run::Kind::kHigh, kGroup>(from, to, packed);
        break;
      case Run::Kind::kSort:
        SortRowsOf<SelectionNetwork::kSortedAtOnce / 2>(
            run.end - run.begin,
            rows + run.begin,
            column,
            kGroup,
            packed + run.begin * kGroup);
        break;
    }
  }
}

// Calls body(packed, column, width) for groups of kGroup columns whose wanted
// ranks are in place in packed [count][kGroup].
template <std::size_t kGroup, class Real, class Body>
HWY_INLINE void ForEachGroupSelected(const SelectionNetwork& network,
                                     const ColumnRange<Real>& range,
                                     TileBuffer& buffer,
                                     Body body) {
  const std::size_t count = range.count;
  const std::size_t tile = TileColumns<Real>(count);
  auto* packed = static_cast<Real*>(
      buffer.Reserve(count * (2 * kGroup * sizeof(Real) + sizeof(Real*))));
  // The last columns are copied, so that whole vectors can be read.
  Real* copies = packed + count * kGroup;
  auto** copy_rows = reinterpret_cast<const Real**>(copies + count * kGroup);
  for (std::size_t row = 0; row < count; ++row) {
    copy_rows[row] = copies + row * kGroup;
  }
  for (std::size_t begin = range.first; begin < range.last; begin += tile) {
    const std::size_t end = std::min(begin + tile, range.last);
    const std::size_t next_end = std::min(end + tile, range.last);
    const std::size_t groups = (end - begin + kGroup - 1) / kGroup;
    Ahead<Real> ahead(range, end, next_end, groups * network.runs().size());
    for (std::size_t group = 0; group < groups; ++group) {
      const std::size_t column = begin + group * kGroup;
      const std::size_t width = std::min(kGroup, end - column);
      if (width == kGroup) {
        RunNetwork<kGroup>(network, range.rows, column, ahead, packed);
      } else {
        Pack<kGroup>(range, column, end, copies);
        RunNetwork<kGroup, Real>(network, copy_rows, 0, ahead, packed);
      }
      body(packed, column, width);
    }
  }
}

// Calls body.template operator()<kGroup>(packed, column - first, width) like
// this, with as wide a group as suits the count.
template <class Real, class Body>
HWY_INLINE void ForEachSelected(const SelectionNetwork& network,
                                const Real* const* rows,
                                std::size_t first,
                                std::size_t last,
                                TileBuffer& buffer,
                                Body body) {
  const ColumnRange<Real> range{rows, network.count(), first, last};
  // Two vectors at a time halve the cost of walking the list, where both stay
  // in the first-level cache.
  constexpr std::size_t kN = kLanes<Real>;
  const auto run = [&]<std::size_t kGroup>() HWY_ATTR {
    ForEachGroupSelected<kGroup>(
        network,
        range,
        buffer,
        [&](const Real* packed, std::size_t column, std::size_t width)
            HWY_ATTR {
              body.template operator()<kGroup>(packed, column - first, width);
            });
  };
  if (network.count() * 2 * kN * sizeof(Real) <= (std::size_t{32} << 10)) {
    run.template operator()<2 * kN>();
  } else {
    run.template operator()<kN>();
  }
}

constexpr std::size_t kDoubles = kLanes<double>;

// Stores the first `width` values, -0 as +0: halves of small numbers may be it.
template <class Out>
HWY_INLINE void StoreDoubles(hn::Vec<Doubles> value,
                             std::size_t width,
                             Out* out) {
  const AsManyAsDoubles<Out> d;
  auto stored = hn::Zero(d);
  if constexpr (sizeof(Out) == sizeof(double)) {
    stored = hn::Add(value, stored);
  } else {
    stored = hn::Add(hn::DemoteTo(d, value), stored);
  }
  hn::BlendedStore(stored, hn::FirstN(d, width), d, out);
}

template <class Real, class Out>
HWY_INLINE void Medians(const SelectionNetwork& network,
                        const Real* const* rows,
                        std::size_t first,
                        std::size_t last,
                        EvenMedian even,
                        TileBuffer& buffer,
                        Out* out) {
  const std::size_t lower = (network.count() - 1) / 2;
  const std::size_t upper =
      even == EvenMedian::kLower ? lower : network.count() / 2;
  ForEachSelected(
      network,
      rows,
      first,
      last,
      buffer,
      [&]<std::size_t kGroup>(
          const Real* packed, std::size_t column, std::size_t width) HWY_ATTR {
        const Doubles d;
        const auto half = hn::Set(d, 0.5);
        for (std::size_t c = 0; c < width; c += kDoubles) {
          auto value = LoadDoubles(packed + lower * kGroup + c);
          if (upper != lower) {
            const auto other = LoadDoubles(packed + upper * kGroup + c);
            const auto mean = hn::Mul(hn::Add(value, other), half);
            // Only the sum of doubles may be too large, and only halves of
            // small ones lose a digit.
            value = hn::IfThenElse(
                hn::IsInf(mean),
                hn::Add(hn::Mul(value, half), hn::Mul(other, half)),
                mean);
          }
          StoreDoubles(value, width - c, out + column + c);
        }
      });
}

// Adds ranks [begin, end) of kGroup columns, each column from its own rank
// `from` to before `to`, given as doubles, if kWindow.
template <std::size_t kGroup, bool kWindow, class Real>
HWY_INLINE void AddRanks(const Real* packed,
                         std::size_t begin,
                         std::size_t end,
                         const double* from,
                         const double* to,
                         double* sums) {
  const Doubles d;
  constexpr std::size_t kVectors = kGroup / kDoubles;
  hn::Vec<Doubles> sum[kVectors];
  hn::Vec<Doubles> low[kVectors];
  hn::Vec<Doubles> high[kVectors];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < kVectors; ++v) {
    sum[v] = hn::Zero(d);
    if constexpr (kWindow) {
      low[v] = hn::Load(d, from + v * kDoubles);
      high[v] = hn::Load(d, to + v * kDoubles);
    }
  }
  for (std::size_t rank = begin; rank < end; ++rank) {
    const auto number = hn::Set(d, static_cast<double>(rank));
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      auto value = LoadDoubles(packed + rank * kGroup + v * kDoubles);
      if constexpr (kWindow) {
        value = hn::IfThenElseZero(
            hn::And(hn::Ge(number, low[v]), hn::Lt(number, high[v])), value);
      }
      sum[v] = hn::Add(sum[v], value);
    }
  }
#pragma GCC unroll 8
  for (std::size_t v = 0; v < kVectors; ++v) {
    hn::Store(sum[v], d, sums + v * kDoubles);
  }
}

template <class Real>
HWY_INLINE void TrimmedMeans(const SelectionNetwork& network,
                             const Real* const* rows,
                             std::size_t first,
                             std::size_t last,
                             TileBuffer& buffer,
                             double* out) {
  ForEachSelected(
      network,
      rows,
      first,
      last,
      buffer,
      [&]<std::size_t kGroup>(
          const Real* packed, std::size_t column, std::size_t width) HWY_ATTR {
        alignas(64) double sums[kGroup];
        AddRanks<kGroup, false>(
            packed, network.first(), network.last(), nullptr, nullptr, sums);
        const auto ranks =
            static_cast<double>(network.last() - network.first());
        for (std::size_t c = 0; c < width; ++c) {
          out[column + c] = sums[c] / ranks;
        }
      });
}

// Returns the rank at which the `nearest` values around the centre begin, given
// that the one at `start` and the one behind the window from there are equally
// far from it.
template <std::size_t kGroup, class Real>
std::size_t WindowByRows(const Real* sorted,
                         const Real* const* rows,
                         std::size_t column,
                         std::size_t count,
                         std::size_t nearest,
                         std::size_t start,
                         double centre) {
  const auto distance = [&](Real value) {
    return std::abs(static_cast<double>(value) - centre);
  };
  const double edge = distance(sorted[start * kGroup]);
  std::size_t begin = count;
  std::size_t closer = 0;
  for (std::size_t rank = 0; rank < count; ++rank) {
    if (distance(sorted[rank * kGroup]) >= edge) continue;
    if (closer++ == 0) begin = rank;
  }
  if (closer == 0) {
    // All that are as near as the edge stand at the centre or at the same
    // distance from it; the left ones end where the right ones begin.
    begin = 0;
    while (begin < count &&
           static_cast<double>(sorted[begin * kGroup]) < centre) {
      ++begin;
    }
  }
  // Of those at the edge the first rows are taken until there are enough.
  std::size_t wanted = nearest - closer;
  for (std::size_t row = 0; wanted > 0; ++row) {
    const Real value = rows[row][column];
    if (distance(value) != edge) continue;
    if (static_cast<double>(value) < centre) --begin;
    --wanted;
  }
  return begin;
}

template <class Real>
HWY_INLINE void MeansAround(const SelectionNetwork& network,
                            const Real* const* rows,
                            std::size_t first,
                            std::size_t last,
                            std::size_t nearest,
                            const double* centre,
                            TileBuffer& buffer,
                            double* out) {
  const std::size_t count = network.count();
  ForEachSelected(
      network,
      rows,
      first,
      last,
      buffer,
      [&]<std::size_t kGroup>(
          const Real* packed, std::size_t column, std::size_t width) HWY_ATTR {
        const Doubles d;
        alignas(64) double middle[kGroup] = {};
        alignas(64) double from[kGroup];
        alignas(64) double to[kGroup];
        alignas(64) double tied[kGroup];
        std::copy_n(centre + column, width, middle);
        // A window moves on while what would enter it is closer than what would
        // leave; both distances grow and shrink with the rank, so the moves can
        // be counted in any order.
        const auto one = hn::Set(d, 1.0);
        for (std::size_t c = 0; c < width; c += kDoubles) {
          const auto around = hn::Load(d, middle + c);
          auto moves = hn::Zero(d);
          auto ties = hn::Zero(d);
          for (std::size_t rank = 0; rank + nearest < count; ++rank) {
            const auto leaves = LoadDoubles(packed + rank * kGroup + c);
            const auto enters =
                LoadDoubles(packed + (rank + nearest) * kGroup + c);
            const auto before = hn::Sub(around, leaves);
            const auto after = hn::Sub(enters, around);
            moves =
                hn::Add(moves, hn::IfThenElseZero(hn::Lt(after, before), one));
            ties = hn::Add(ties,
                           hn::IfThenElseZero(hn::And(hn::Eq(after, before),
                                                      hn::Ne(leaves, enters)),
                                              one));
          }
          hn::Store(moves, d, from + c);
          hn::Store(hn::Add(moves, hn::Set(d, static_cast<double>(nearest))),
                    d,
                    to + c);
          hn::Store(ties, d, tied + c);
        }
        std::size_t begin = count;
        std::size_t end = 0;
        for (std::size_t c = 0; c < width; ++c) {
          if (tied[c] > 0.0) {
            const std::size_t start =
                WindowByRows<kGroup>(packed + c,
                                     rows,
                                     first + column + c,
                                     count,
                                     nearest,
                                     static_cast<std::size_t>(from[c]),
                                     middle[c]);
            from[c] = static_cast<double>(start);
            to[c] = static_cast<double>(start + nearest);
          }
          begin = std::min(begin, static_cast<std::size_t>(from[c]));
          end = std::max(end, static_cast<std::size_t>(to[c]));
        }
        std::fill(from + width, from + kGroup, 0.0);
        std::fill(to + width, to + kGroup, 0.0);
        alignas(64) double sums[kGroup];
        AddRanks<kGroup, true>(packed, begin, end, from, to, sums);
        for (std::size_t c = 0; c < width; ++c) {
          out[column + c] = sums[c] / static_cast<double>(nearest);
        }
      });
}

template <class Real>
HWY_INLINE void CopySorted(const SelectionNetwork& network,
                           const Real* const* rows,
                           std::size_t first,
                           std::size_t last,
                           TileBuffer& buffer,
                           std::size_t stride,
                           Real* out) {
  ForEachSelected(
      network,
      rows,
      first,
      last,
      buffer,
      [&]<std::size_t kGroup>(
          const Real* packed, std::size_t column, std::size_t width) HWY_ATTR {
        for (std::size_t rank = network.first(); rank < network.last();
             ++rank) {
          const Real* from = packed + rank * kGroup;
          Real* to = out + (rank - network.first()) * stride + column;
          // A sum with +0 is never -0.
          for (std::size_t c = 0; c < width; ++c) to[c] = from[c] + Real{0};
        }
      });
}

// One name for each number type: only functions can be exported, not templates.
#define FEDTORCH_KERNEL_MEDIANS(Real, Out, Name)            \
  void Medians##Name(const SelectionNetwork& network,       \
                     const Real* const* rows,               \
                     std::size_t first,                     \
                     std::size_t last,                      \
                     EvenMedian even,                       \
                     TileBuffer& buffer,                    \
                     Out* out) {                            \
    Medians(network, rows, first, last, even, buffer, out); \
  }
#define FEDTORCH_KERNEL(Real, Bits)                                        \
  void TrimmedMeans##Bits(const SelectionNetwork& network,                 \
                          const Real* const* rows,                         \
                          std::size_t first,                               \
                          std::size_t last,                                \
                          TileBuffer& buffer,                              \
                          double* out) {                                   \
    TrimmedMeans(network, rows, first, last, buffer, out);                 \
  }                                                                        \
  void MeansAround##Bits(const SelectionNetwork& network,                  \
                         const Real* const* rows,                          \
                         std::size_t first,                                \
                         std::size_t last,                                 \
                         std::size_t nearest,                              \
                         const double* centre,                             \
                         TileBuffer& buffer,                               \
                         double* out) {                                    \
    MeansAround(network, rows, first, last, nearest, centre, buffer, out); \
  }                                                                        \
  void SortColumns##Bits(const SelectionNetwork& network,                  \
                         const Real* const* rows,                          \
                         std::size_t first,                                \
                         std::size_t last,                                 \
                         TileBuffer& buffer,                               \
                         std::size_t stride,                               \
                         Real* out) {                                      \
    CopySorted(network, rows, first, last, buffer, stride, out);           \
  }
FEDTORCH_KERNEL_MEDIANS(float, double, 3264)
FEDTORCH_KERNEL_MEDIANS(float, float, 3232)
FEDTORCH_KERNEL_MEDIANS(double, double, 6464)
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL_MEDIANS
#undef FEDTORCH_KERNEL

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

SelectionNetwork MedianNetwork(std::size_t count) {
  FEDTORCH_CHECK(count > 0, "a median needs a value");
  return {count, (count - 1) / 2, count / 2 + 1};
}

SelectionNetwork TrimmedNetwork(std::size_t count, std::size_t trim) {
  FEDTORCH_CHECK(2 * trim < count, "trimming must leave a value");
  return {count, trim, count - trim};
}

SelectionNetwork SortingNetwork(std::size_t count) { return {count, 0, count}; }

#define FEDTORCH_KERNEL_MEDIANS(Real, Out, Name)                   \
  HWY_EXPORT(Medians##Name);                                       \
  template <>                                                      \
  void ColumnMedians(const SelectionNetwork& network,              \
                     const Real* const* rows,                      \
                     std::size_t first,                            \
                     std::size_t last,                             \
                     EvenMedian even,                              \
                     TileBuffer& buffer,                           \
                     Out* out) {                                   \
    FEDTORCH_CHECK(network.first() <= (network.count() - 1) / 2 && \
                       network.last() > network.count() / 2,       \
                   "the network must keep the middle ranks");      \
    HWY_DYNAMIC_DISPATCH(Medians##Name)                            \
    (network, rows, first, last, even, buffer, out);               \
  }
#define FEDTORCH_KERNEL(Real, Bits)                                   \
  HWY_EXPORT(TrimmedMeans##Bits);                                     \
  HWY_EXPORT(MeansAround##Bits);                                      \
  HWY_EXPORT(SortColumns##Bits);                                      \
  template <>                                                         \
  void ColumnTrimmedMeans(const SelectionNetwork& network,            \
                          const Real* const* rows,                    \
                          std::size_t first,                          \
                          std::size_t last,                           \
                          TileBuffer& buffer,                         \
                          double* out) {                              \
    HWY_DYNAMIC_DISPATCH(TrimmedMeans##Bits)                          \
    (network, rows, first, last, buffer, out);                        \
  }                                                                   \
  template <>                                                         \
  void ColumnMeansAround(const SelectionNetwork& network,             \
                         const Real* const* rows,                     \
                         std::size_t first,                           \
                         std::size_t last,                            \
                         std::size_t nearest,                         \
                         const double* centre,                        \
                         TileBuffer& buffer,                          \
                         double* out) {                               \
    FEDTORCH_CHECK(nearest > 0 && nearest <= network.count() &&       \
                       network.first() == 0 &&                        \
                       network.last() == network.count(),             \
                   "a window needs sorted values, and some of them"); \
    HWY_DYNAMIC_DISPATCH(MeansAround##Bits)                           \
    (network, rows, first, last, nearest, centre, buffer, out);       \
  }                                                                   \
  template <>                                                         \
  void SortColumns(const SelectionNetwork& network,                   \
                   const Real* const* rows,                           \
                   std::size_t first,                                 \
                   std::size_t last,                                  \
                   TileBuffer& buffer,                                \
                   std::size_t stride,                                \
                   Real* out) {                                       \
    HWY_DYNAMIC_DISPATCH(SortColumns##Bits)                           \
    (network, rows, first, last, buffer, stride, out);                \
  }
FEDTORCH_KERNEL_MEDIANS(float, double, 3264)
FEDTORCH_KERNEL_MEDIANS(float, float, 3232)
FEDTORCH_KERNEL_MEDIANS(double, double, 6464)
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL_MEDIANS
#undef FEDTORCH_KERNEL

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
