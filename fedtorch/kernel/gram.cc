#include "fedtorch/kernel/gram.h"

#include "fedtorch/core/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/gram.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/lane_sums-inl.h"
#include "fedtorch/kernel/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

// Rows lie in bands of kBand, [band][vector][row of the band][lane]. The sums
// of kBand x kAcross pairs stay in registers.
constexpr std::size_t kBand = 4;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr std::size_t kAcross = 4;
#else
constexpr std::size_t kAcross = 2;
#endif
constexpr std::size_t kPairsOfTile = kBand * kBand;

// Columns of a block; a number that the count of rows does not change.
template <class Real>
constexpr std::size_t kBlock = (std::size_t{2} << 10) / sizeof(Real);
// Bands that stay in the first-level cache while all others pass by.
constexpr std::size_t kPanel = 3;

// Lays out the differences of columns [begin, end), filled up with zeros to
// whole vectors and whole bands.
template <class Real>
HWY_INLINE void PackBands(const ColumnRange<Real>& range,
                          std::size_t begin,
                          std::size_t end,
                          const Real* centre,
                          Real* packed) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  for (std::size_t row = 0; row < range.count; row += kBand) {
    const std::size_t rows = std::min(kBand, range.count - row);
    // Rows of a band that do not exist are read as its first row, and dropped.
    const Real* from[kBand];
    for (std::size_t i = 0; i < kBand; ++i) {
      from[i] = range.rows[i < rows ? row + i : row] + begin;
    }
    ForEachVector<Real>(
        end - begin,
        [&]<bool kPartial>(std::size_t k, std::size_t width) HWY_ATTR {
          const auto middle =
              centre == nullptr
                  ? hn::Zero(d)
                  : LoadAt<kPartial>(centre + (begin - range.first) + k, width);
#pragma GCC unroll 4
          for (std::size_t i = 0; i < kBand; ++i) {
            const auto value =
                hn::Sub(LoadAt<kPartial>(from[i] + k, width), middle);
            hn::Store(i < rows ? value : hn::Zero(d), d, packed + i * kN);
          }
          packed += kBand * kN;
        });
  }
}

// Adds the products of a band with kAcross rows of another one to `sums`
// [kBand][kAcross].
template <class Real>
HWY_NOINLINE void AddTile(const Real* band,
                          const Real* across,
                          std::size_t vectors,
                          double* sums) {
  const Tag<Real> d;
  const Doubles wide;
  constexpr std::size_t kN = kLanes<Real>;
  Vector<Real> acc[kBand * kAcross];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kBand * kAcross; ++i) acc[i] = hn::Zero(d);
  for (std::size_t v = 0; v < vectors; ++v) {
    Vector<Real> other[kAcross];
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kAcross; ++j) {
      other[j] = hn::Load(d, across + j * kN);
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kBand; ++i) {
      const auto value = hn::Load(d, band + i * kN);
#pragma GCC unroll 4
      for (std::size_t j = 0; j < kAcross; ++j) {
        acc[i * kAcross + j] =
            hn::MulAdd(value, other[j], acc[i * kAcross + j]);
      }
    }
    band += kBand * kN;
    across += kBand * kN;
  }
  // kLanes vectors are added up at a time.
  constexpr std::size_t kStep = kN == 1 ? 1 : 2;
  alignas(64) Real pairs[kBand * kAcross * kN / kStep];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kBand * kAcross; i += kStep) {
    hn::Store(
        AddPair<Real>(acc[i], acc[i + kStep - 1]), d, pairs + i / kStep * kN);
  }
  alignas(64) Real totals[kBand * kAcross];
  for (std::size_t i = 0; i < kBand * kAcross; i += kN) {
    hn::Store(SumPairs(pairs + i / kStep * kN), d, totals + i);
  }
  for (std::size_t i = 0; i < kBand * kAcross; i += hn::MaxLanes(wide)) {
    hn::Store(hn::Add(hn::Load(wide, sums + i), LoadDoubles(totals + i)),
              wide,
              sums + i);
  }
}

template <class Real>
HWY_INLINE void Gram(const Real* const* rows,
                     std::size_t count,
                     std::size_t first,
                     std::size_t last,
                     const Real* centre,
                     TileBuffer& buffer,
                     double* gram) {
  if (count == 0 || first >= last) return;
  constexpr std::size_t kN = kLanes<Real>;
  const ColumnRange<Real> range{rows, count, first, last};
  const std::size_t bands = (count + kBand - 1) / kBand;
  const std::size_t tiles = bands * (bands + 1) / 2;
  auto* sums = static_cast<double*>(
      buffer.Reserve(tiles * kPairsOfTile * sizeof(double) +
                     bands * kBand * kBlock<Real> * sizeof(Real)));
  auto* packed = reinterpret_cast<Real*>(sums + tiles * kPairsOfTile);
  std::fill_n(sums, tiles * kPairsOfTile, 0.0);
  for (std::size_t begin = first; begin < last; begin += kBlock<Real>) {
    const std::size_t end = std::min(begin + kBlock<Real>, last);
    const std::size_t next_end = std::min(end + kBlock<Real>, last);
    const std::size_t vectors = (end - begin + kN - 1) / kN;
    PackBands(range, begin, end, centre, packed);
    Ahead<Real> ahead(range, end, next_end, tiles);
    for (std::size_t panel = 0; panel < bands; panel += kPanel) {
      const std::size_t panel_end = std::min(panel + kPanel, bands);
      for (std::size_t j = 0; j < panel_end; ++j) {
        for (std::size_t i = std::max(panel, j); i < panel_end; ++i) {
          ahead.Step();
          double* to = sums + (i * (i + 1) / 2 + j) * kPairsOfTile;
          for (std::size_t part = 0; part < kBand; part += kAcross) {
            AddTile(packed + i * vectors * kBand * kN,
                    packed + (j * vectors * kBand + part) * kN,
                    vectors,
                    to + part * kBand);
          }
        }
      }
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const std::size_t band = i / kBand;
      const double* tile =
          sums + (band * (band + 1) / 2 + j / kBand) * kPairsOfTile;
      const std::size_t across = j % kBand;
      const double sum = tile[across / kAcross * kAcross * kBand +
                              i % kBand * kAcross + across % kAcross];
      gram[i * count + j] += sum;
      if (i != j) gram[j * count + i] += sum;
    }
  }
}

void Gram32(const float* const* rows,
            std::size_t count,
            std::size_t first,
            std::size_t last,
            const float* centre,
            TileBuffer& buffer,
            double* gram) {
  Gram(rows, count, first, last, centre, buffer, gram);
}
void Gram64(const double* const* rows,
            std::size_t count,
            std::size_t first,
            std::size_t last,
            const double* centre,
            TileBuffer& buffer,
            double* gram) {
  Gram(rows, count, first, last, centre, buffer, gram);
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

HWY_EXPORT(Gram32);
HWY_EXPORT(Gram64);

template <>
void AddGram(const float* const* rows,
             std::size_t count,
             std::size_t first,
             std::size_t last,
             const float* centre,
             TileBuffer& buffer,
             double* gram) {
  HWY_DYNAMIC_DISPATCH(Gram32)(rows, count, first, last, centre, buffer, gram);
}
template <>
void AddGram(const double* const* rows,
             std::size_t count,
             std::size_t first,
             std::size_t last,
             const double* centre,
             TileBuffer& buffer,
             double* gram) {
  HWY_DYNAMIC_DISPATCH(Gram64)(rows, count, first, last, centre, buffer, gram);
}

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
