#include "fedtorch/kernel/mix.h"

#include "fedtorch/core/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/mix.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

// Adds kRows rows to out [columns], which starts at 0 if kStart.
template <std::size_t kRows, bool kStart, class Real>
HWY_NOINLINE void AddWeighted(const Real* const* rows,
                              const double* weights,
                              std::size_t first,
                              std::size_t columns,
                              double* out) {
  const Doubles d;
  constexpr std::size_t kN = kLanes<double>;
  const Real* from[kRows];
  for (std::size_t i = 0; i < kRows; ++i) from[i] = rows[i] + first;
  std::size_t k = 0;
  for (; k + kN <= columns; k += kN) {
    auto sum = kStart ? hn::Zero(d) : hn::LoadU(d, out + k);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      sum = hn::MulAdd(hn::Set(d, weights[i]), LoadDoubles(from[i] + k), sum);
    }
    hn::StoreU(sum, d, out + k);
  }
  if (k == columns) return;
  // The rest once more with zeros behind it, for the same bits.
  alignas(64) Real rest[kN] = {};
  alignas(64) double sums[kN] = {};
  if constexpr (!kStart) std::copy_n(out + k, columns - k, sums);
  auto sum = hn::Load(d, sums);
  for (std::size_t i = 0; i < kRows; ++i) {
    std::copy_n(from[i] + k, columns - k, rest);
    sum = hn::MulAdd(hn::Set(d, weights[i]), LoadDoubles(rest), sum);
  }
  hn::Store(sum, d, sums);
  std::copy_n(sums, columns - k, out + k);
}

template <class Real>
HWY_INLINE void ToOne(const Real* const* rows,
                      std::size_t count,
                      std::size_t first,
                      std::size_t last,
                      const double* weights,
                      double* out) {
  if (count == 0) {
    std::fill_n(out, last - first, 0.0);
    return;
  }
  // Sums of a block stay in the first-level cache while all rows pass.
  constexpr std::size_t kColumns = 2048;
  constexpr std::size_t kRows = 4;
  for (std::size_t begin = first; begin < last; begin += kColumns) {
    const std::size_t columns = std::min(kColumns, last - begin);
    double* to = out + (begin - first);
    std::size_t row = 0;
    if (count < kRows) {
      AddWeighted<1, true>(rows, weights, begin, columns, to);
      row = 1;
    } else {
      AddWeighted<kRows, true>(rows, weights, begin, columns, to);
      row = kRows;
    }
    for (; row + kRows <= count; row += kRows) {
      AddWeighted<kRows, false>(rows + row, weights + row, begin, columns, to);
    }
    for (; row < count; ++row) {
      AddWeighted<1, false>(rows + row, weights + row, begin, columns, to);
    }
  }
}

// Sums of kMixed results x kAcross vectors of columns stay in registers.
constexpr std::size_t kMixed = 6;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr std::size_t kAcross = 4;
#else
constexpr std::size_t kAcross = 2;
#endif

// Computes kMixed results for a group of columns, and stores those that exist.
template <class Real>
HWY_NOINLINE void MixTile(const Real* packed,
                          const Real* weights,
                          std::size_t count,
                          std::size_t results,
                          std::size_t column,
                          std::size_t width,
                          Real* const* out) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  // The places of the results are asked for while the sums are formed.
  for (std::size_t r = 0; r < std::min(kMixed, results); ++r) {
    for (std::size_t v = 0; v < kAcross && v * kN < width; ++v) {
      __builtin_prefetch(out[r] + column + v * kN, 1, 3);
    }
  }
  Vector<Real> acc[kMixed][kAcross];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kMixed; ++r) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kAcross; ++v) acc[r][v] = hn::Zero(d);
  }
  for (std::size_t i = 0; i < count; ++i) {
    Vector<Real> row[kAcross];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kAcross; ++v) {
      row[v] = hn::Load(d, packed + v * kN);
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kMixed; ++r) {
      const auto weight = hn::Set(d, weights[r]);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kAcross; ++v) {
        acc[r][v] = hn::MulAdd(weight, row[v], acc[r][v]);
      }
    }
    packed += kAcross * kN;
    weights += kMixed;
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kMixed; ++r) {
    if (r >= results) break;
    Real* to = out[r] + column;
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kAcross; ++v) {
      if ((v + 1) * kN <= width) {
        hn::StoreU(acc[r][v], d, to + v * kN);
      } else if (v * kN < width) {
        StoreAt<true>(acc[r][v], to + v * kN, width - v * kN);
      }
    }
  }
}

template <class Real>
HWY_INLINE void ToRows(const Real* const* rows,
                       std::size_t count,
                       std::size_t first,
                       std::size_t last,
                       const double* weights,
                       std::size_t results,
                       TileBuffer& buffer,
                       Real* const* out) {
  if (first >= last || results == 0) return;
  if (count == 0) {
    for (std::size_t r = 0; r < results; ++r) {
      std::fill(out[r] + first, out[r] + last, Real{0});
    }
    return;
  }
  constexpr std::size_t kGroup = kAcross * kLanes<Real>;
  const std::size_t tile = TileColumns<Real>(count);
  const std::size_t panels = (results + kMixed - 1) / kMixed;
  auto* packed = static_cast<Real*>(
      buffer.Reserve((count * tile + panels * kMixed * count) * sizeof(Real)));
  // [panel][row][result of the panel]
  Real* const factors = packed + count * tile;
  for (std::size_t r = 0; r < panels * kMixed; ++r) {
    Real* to = factors + (r / kMixed * count * kMixed + r % kMixed);
    for (std::size_t i = 0; i < count; ++i) {
      to[i * kMixed] =
          r < results ? static_cast<Real>(weights[r * count + i]) : Real{0};
    }
  }
  ForEachGroup<kGroup>(ColumnRange<Real>{rows, count, first, last},
                       tile,
                       panels,
                       packed,
                       [&](const Real* group,
                           std::size_t column,
                           std::size_t width,
                           Ahead<Real>& ahead) HWY_ATTR {
                         for (std::size_t panel = 0; panel < panels; ++panel) {
                           ahead.Step();
                           const std::size_t r = panel * kMixed;
                           MixTile(group,
                                   factors + r * count,
                                   count,
                                   results - r,
                                   column,
                                   width,
                                   out + r);
                         }
                       });
}

// One name for each number type: only functions can be exported, not templates.
#define FEDTORCH_KERNEL(Real, Bits)                                  \
  void ToOne##Bits(const Real* const* rows,                          \
                   std::size_t count,                                \
                   std::size_t first,                                \
                   std::size_t last,                                 \
                   const double* weights,                            \
                   double* out) {                                    \
    ToOne(rows, count, first, last, weights, out);                   \
  }                                                                  \
  void ToRows##Bits(const Real* const* rows,                         \
                    std::size_t count,                               \
                    std::size_t first,                               \
                    std::size_t last,                                \
                    const double* weights,                           \
                    std::size_t results,                             \
                    TileBuffer& buffer,                              \
                    Real* const* out) {                              \
    ToRows(rows, count, first, last, weights, results, buffer, out); \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

#define FEDTORCH_KERNEL(Real, Bits)                                            \
  HWY_EXPORT(ToOne##Bits);                                                     \
  HWY_EXPORT(ToRows##Bits);                                                    \
  template <>                                                                  \
  void MixToOne(const Real* const* rows,                                       \
                std::size_t count,                                             \
                std::size_t first,                                             \
                std::size_t last,                                              \
                const double* weights,                                         \
                double* out) {                                                 \
    HWY_DYNAMIC_DISPATCH(ToOne##Bits)(rows, count, first, last, weights, out); \
  }                                                                            \
  template <>                                                                  \
  void MixRows(const Real* const* rows,                                        \
               std::size_t count,                                              \
               std::size_t first,                                              \
               std::size_t last,                                               \
               const double* weights,                                          \
               std::size_t results,                                            \
               TileBuffer& buffer,                                             \
               Real* const* out) {                                             \
    HWY_DYNAMIC_DISPATCH(ToRows##Bits)                                         \
    (rows, count, first, last, weights, results, buffer, out);                 \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
