#include "fedtorch/kernel/products.h"

#include "fedtorch/core/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/products.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/lane_sums-inl.h"

#include <hwy/cache_control.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

// Sums in registers: rows x vectors accumulators, the vectors of one row of W
// and one broadcast value must fit into the register file.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr std::size_t kTileRows[5] = {0, 12, 12, 8, 6};
constexpr std::size_t kWidestTile = 4;
#else
constexpr std::size_t kTileRows[5] = {0, 8, 6, 0, 0};
constexpr std::size_t kWidestTile = 2;
#endif

// Rows of d that AddOuter keeps in registers, two vectors each.
constexpr std::size_t kOuterRows = kTileRows[2];
// Rows of W that are asked for in advance, by measurement. Forward tiles do so
// only for a W of at least kStreamed bytes, which does not stay in the
// second-level cache: for a smaller one the requests cost more than the misses.
constexpr std::size_t kAhead = 16;
constexpr std::size_t kAheadOfUpdate = 4;
constexpr std::size_t kStreamed = std::size_t{1} << 20;

// Where a tile's operands lie: acc[r][v] += a[r, j, i] * b[j, i, v] over
// `outer` x `inner` terms.
template <class Real>
struct Terms {
  const Real* a;
  std::size_t a_row, a_outer, a_inner;
  const Real* b;
  std::size_t b_outer, b_inner;
  std::size_t outer, inner;
};

// A tile of the result: kRows x kVectors registers at c, row stride c_row. If
// kPartial, only the first `width` lanes of the last vector exist.
template <class Real>
struct Place {
  Real* c;
  std::size_t c_row;
  std::size_t width;
};

// Adds all terms to the accumulators. kUnitRow: a_row is 1, which gives
// constant offsets; otherwise rows are reached from every third one, so that
// few address registers are needed.
template <std::size_t kRows,
          std::size_t kVectors,
          bool kPartial,
          bool kUnitRow,
          bool kStream,
          class Real>
HWY_INLINE void AddTerms(const Terms<Real>& terms,
                         std::size_t width,
                         Vector<Real> (&acc)[kRows][kVectors]) {
  const Tag<Real> d;
  constexpr std::size_t kBases = kUnitRow ? 1 : (kRows + 2) / 3;
  const std::size_t step = terms.a_row;
  for (std::size_t outer = 0; outer < terms.outer; ++outer) {
    const Real* a[kBases];
#pragma GCC unroll 16
    for (std::size_t base = 0; base < kBases; ++base) {
      a[base] = terms.a + outer * terms.a_outer + 3 * base * step;
    }
    const Real* b = terms.b + outer * terms.b_outer;
    for (std::size_t inner = 0; inner < terms.inner; ++inner) {
      if constexpr (kStream) {
        // Past the end of W this asks for what is not there, which is harmless.
        hwy::Prefetch(b + kAhead * terms.b_inner);
        if constexpr (kVectors == 2) {
          hwy::Prefetch(b + kAhead * terms.b_inner + kLanes<Real>);
        }
      }
      Vector<Real> row[kVectors];
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kVectors; ++v) {
        row[v] = v + 1 == kVectors
                     ? LoadAt<kPartial>(b + v * kLanes<Real>, width)
                     : hn::LoadU(d, b + v * kLanes<Real>);
      }
#pragma GCC unroll 16
      for (std::size_t r = 0; r < kRows; ++r) {
        const Real* value =
            kUnitRow ? a[0] + r : a[r / 3 % kBases] + (r % 3) * step;
        const Vector<Real> x = hn::Set(d, *value);
#pragma GCC unroll 16
        for (std::size_t v = 0; v < kVectors; ++v) {
          acc[r][v] = hn::MulAdd(x, row[v], acc[r][v]);
        }
      }
#pragma GCC unroll 16
      for (std::size_t base = 0; base < kBases; ++base) {
        a[base] += terms.a_inner;
      }
      b += terms.b_inner;
    }
  }
}

// Start and end of a tile.
template <class Real>
struct Ends {
  const Real* bias;  // at the tile's first column, or null
  bool accumulate;
  bool relu;

  template <bool kPartial>
  HWY_INLINE Vector<Real> Start(const Place<Real>& place,
                                std::size_t r,
                                std::size_t column) const {
    const Tag<Real> d;
    if (accumulate) {
      return LoadAt<kPartial>(place.c + r * place.c_row + column, place.width);
    }
    if (bias != nullptr) return LoadAt<kPartial>(bias + column, place.width);
    return hn::Zero(d);
  }
  template <bool kPartial>
  HWY_INLINE void End(const Place<Real>& place,
                      std::size_t r,
                      std::size_t column,
                      Vector<Real> sum) const {
    const Tag<Real> d;
    // By comparison: a sum that is not a number stays so on every machine.
    if (relu) sum = hn::IfThenZeroElse(hn::Lt(sum, hn::Zero(d)), sum);
    StoreAt<kPartial>(sum, place.c + r * place.c_row + column, place.width);
  }
};

template <std::size_t kRows,
          std::size_t kVectors,
          bool kPartial,
          bool kUnitRow,
          bool kStream,
          class Real>
HWY_NOINLINE void Tile(const Terms<Real>& terms,
                       const Place<Real>& place,
                       const Ends<Real>& ends) {
  Vector<Real> acc[kRows][kVectors];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kVectors; ++v) {
      acc[r][v] =
          v + 1 == kVectors
              ? ends.template Start<kPartial>(place, r, v * kLanes<Real>)
              : ends.template Start<false>(place, r, v * kLanes<Real>);
    }
  }
  AddTerms<kRows, kVectors, kPartial, kUnitRow, kStream>(
      terms, place.width, acc);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kVectors; ++v) {
      if (v + 1 == kVectors) {
        ends.template End<kPartial>(place, r, v * kLanes<Real>, acc[r][v]);
      } else {
        ends.template End<false>(place, r, v * kLanes<Real>, acc[r][v]);
      }
    }
  }
}

// Calls the tile of `rows` rows.
template <std::size_t kRows,
          std::size_t kVectors,
          bool kPartial,
          bool kUnitRow,
          bool kStream,
          class Real>
HWY_INLINE void TileOf(std::size_t rows,
                       const Terms<Real>& terms,
                       const Place<Real>& place,
                       const Ends<Real>& ends) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      TileOf<kRows - 1, kVectors, kPartial, kUnitRow, kStream>(
          rows, terms, place, ends);
      return;
    }
  }
  Tile<kRows, kVectors, kPartial, kUnitRow, kStream>(terms, place, ends);
}

// Calls body(first, count) for nearly equal parts of at most `most`.
template <class Body>
HWY_INLINE void Balanced(std::size_t total, std::size_t most, Body body) {
  const std::size_t parts = (total + most - 1) / most;
  std::size_t first = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t count =
        (total - first + parts - part - 1) / (parts - part);
    body(first, count);
    first += count;
  }
}

// Calls panel.template operator()<kVectors, kPartial>(column, width) for all
// columns: panels of kWidest vectors, then one for the rest, whose last vector
// may be partial.
template <std::size_t kWidest, class Real, class Panel>
HWY_INLINE void ForEachPanel(std::size_t columns, Panel panel) {
  constexpr std::size_t kN = kLanes<Real>;
  std::size_t column = 0;
  for (; column + kWidest * kN <= columns; column += kWidest * kN) {
    panel.template operator()<kWidest, false>(column, kN);
  }
  const std::size_t vectors = (columns - column + kN - 1) / kN;
  const std::size_t width = columns - column - (vectors - 1) * kN;
  const auto rest = [&]<std::size_t kVectors>() {
    if constexpr (kVectors <= kWidest) {
      if (width == kN) {
        panel.template operator()<kVectors, false>(column, width);
      } else {
        panel.template operator()<kVectors, true>(column, width);
      }
    }
  };
  if (vectors == 1) rest.template operator()<1>();
  if (vectors == 2) rest.template operator()<2>();
  if (vectors == 3) rest.template operator()<3>();
  if (vectors == 4) rest.template operator()<4>();
}

// Values of W that one pass over the rows touches: a panel of this depth stays
// in the first-level cache while all rows use it.
constexpr std::size_t kDepthBlock = 256;

template <std::size_t kWidest, bool kStream, class Real>
HWY_INLINE void ForwardPanels(const ForwardProduct<Real>& p,
                              std::size_t first,
                              std::size_t depth) {
  const Extent& extent = p.extent;
  const bool last = first + depth >= p.depth;
  ForEachPanel<kWidest, Real>(
      p.columns,
      [&]<std::size_t kVectors, bool kPartial>(std::size_t column,
                                               std::size_t width) {
        const Ends<Real> ends{
            .bias = p.bias == nullptr ? nullptr : p.bias + column,
            .accumulate = p.accumulate || first != 0,
            .relu = p.relu && last};
        for (std::size_t image = 0; image < extent.images; ++image) {
          for (std::size_t line = 0; line < extent.lines; ++line) {
            const Real* x = p.x.data + image * p.x.image_stride +
                            line * p.x.line_stride + first;
            Real* y = p.y.data + image * p.y.image_stride +
                      line * p.y.line_stride + column;
            Balanced(extent.rows,
                     kTileRows[kVectors],
                     [&](std::size_t row, std::size_t count) {
                       const Terms<Real> terms{
                           .a = x + row * p.x.row_stride,
                           .a_row = p.x.row_stride,
                           .a_outer = p.segment_stride,
                           .a_inner = 1,
                           .b = p.w + first * p.columns + column,
                           .b_outer = p.depth * p.columns,
                           .b_inner = p.columns,
                           .outer = p.segments,
                           .inner = depth};
                       const Place<Real> place{.c = y + row * p.y.row_stride,
                                               .c_row = p.y.row_stride,
                                               .width = width};
                       TileOf<kTileRows[kVectors],
                              kVectors,
                              kPartial,
                              false,
                              kStream>(count, terms, place, ends);
                     });
          }
        }
      });
}

template <class Real>
void Forward(const ForwardProduct<Real>& p) {
  const std::size_t block = p.segments == 1 ? kDepthBlock : p.depth;
  // With few rows a wide tile would read W twice; with many it has the better
  // ratio of products to loads.
  const bool narrow =
      p.extent.images * p.extent.lines == 1 && p.extent.rows <= kTileRows[2];
  std::size_t first = 0;
  do {
    const std::size_t depth = std::min(block, p.depth - first);
    if (narrow &&
        p.segments * p.depth * p.columns * sizeof(Real) >= kStreamed) {
      ForwardPanels<2, true>(p, first, depth);
    } else if (narrow) {
      ForwardPanels<2, false>(p, first, depth);
    } else {
      ForwardPanels<kWidestTile, false>(p, first, depth);
    }
    first += depth;
  } while (first < p.depth);
}

// Writes start + x^T d of kRows rows to a panel of w, for `depth` rows of w: d
// stays in registers while w streams by, each value read and written once.
// kInPlace: start is w.
template <std::size_t kRows,
          std::size_t kVectors,
          bool kPartial,
          bool kInPlace,
          class Real>
HWY_NOINLINE void AddOuter(const Real* x,
                           std::size_t x_stride,
                           const Real* d0,
                           std::size_t d_stride,
                           const Real* start,
                           Real* w,
                           std::size_t columns,
                           std::size_t depth,
                           std::size_t width) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  Vector<Real> rows[kRows][kVectors];
#pragma GCC unroll 16
  for (std::size_t m = 0; m < kRows; ++m) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Real* from = d0 + m * d_stride + v * kN;
      rows[m][v] = v + 1 == kVectors ? LoadAt<kPartial>(from, width)
                                     : hn::LoadU(d, from);
    }
  }
  constexpr std::size_t kBases = (kRows + 2) / 3;
  const Real* base[kBases];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kBases; ++i) base[i] = x + 3 * i * x_stride;
  for (std::size_t k = 0; k < depth; ++k) {
    Real* at = w + k * columns;
    const Real* from = kInPlace ? at : start + k * columns;
    // A prefetch past the end is harmless.
    hwy::Prefetch(from + kAheadOfUpdate * columns);
    if constexpr (kVectors == 2)
      hwy::Prefetch(from + kAheadOfUpdate * columns + kN);
    if constexpr (!kInPlace) {
      hwy::Prefetch(at + kAheadOfUpdate * columns);
      if constexpr (kVectors == 2)
        hwy::Prefetch(at + kAheadOfUpdate * columns + kN);
    }
    Vector<Real> sum[kVectors];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kVectors; ++v) {
      sum[v] = v + 1 == kVectors ? LoadAt<kPartial>(from + v * kN, width)
                                 : hn::LoadU(d, from + v * kN);
    }
#pragma GCC unroll 16
    for (std::size_t m = 0; m < kRows; ++m) {
      const auto value = hn::Set(d, base[m / 3][(m % 3) * x_stride + k]);
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kVectors; ++v) {
        sum[v] = hn::MulAdd(value, rows[m][v], sum[v]);
      }
    }
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kVectors; ++v) {
      if (v + 1 == kVectors) {
        StoreAt<kPartial>(sum[v], at + v * kN, width);
      } else {
        hn::StoreU(sum[v], d, at + v * kN);
      }
    }
  }
}

template <std::size_t kRows, std::size_t kVectors, bool kPartial, class Real>
HWY_INLINE void AddOuterOf(std::size_t rows,
                           const Real* x,
                           std::size_t x_stride,
                           const Real* d,
                           std::size_t d_stride,
                           const Real* start,
                           Real* w,
                           std::size_t columns,
                           std::size_t depth,
                           std::size_t width) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      AddOuterOf<kRows - 1, kVectors, kPartial>(
          rows, x, x_stride, d, d_stride, start, w, columns, depth, width);
      return;
    }
  }
  if (start == w) {
    AddOuter<kRows, kVectors, kPartial, true>(
        x, x_stride, d, d_stride, w, w, columns, depth, width);
  } else {
    AddOuter<kRows, kVectors, kPartial, false>(
        x, x_stride, d, d_stride, start, w, columns, depth, width);
  }
}

// The update of a plain matrix with few rows.
template <class Real>
HWY_INLINE void UpdateByOuter(const UpdateProduct<Real>& p,
                              std::size_t first,
                              std::size_t depth,
                              const Real* start,
                              Real* w) {
  ForEachPanel<2, Real>(p.columns,
                        [&]<std::size_t kVectors, bool kPartial>(
                            std::size_t column, std::size_t width) {
                          AddOuterOf<kOuterRows, kVectors, kPartial>(
                              p.extent.rows,
                              p.x.data + first,
                              p.x.row_stride,
                              p.d.data + column,
                              p.d.row_stride,
                              start + column,
                              w + column,
                              p.columns,
                              depth,
                              width);
                        });
}

template <class Real>
HWY_INLINE void UpdateByTiles(const UpdateProduct<Real>& p, Real* w) {
  const Extent& extent = p.extent;
  const std::size_t lines = extent.lines;
  // Rows that a tile sums before it goes on to the next: what they touch of x
  // and d stays in cache for all tiles.
  constexpr std::size_t kRowBlock = 128;
  // Rows of d that lie far apart would fall on few sets of the first cache, so
  // a panel of them is packed if enough tiles use it.
  constexpr std::size_t kPanel = kWidestTile * kLanes<Real>;
  alignas(64) Real packed[kRowBlock * kPanel];
  const bool pack = lines == 1 && p.depth >= 32 && p.d.row_stride >= 2 * kPanel;
  const std::size_t block =
      lines == 1 ? kRowBlock
                 : std::max<std::size_t>(1, kRowBlock / extent.rows);
  const std::size_t total = lines == 1 ? extent.rows : lines;
  for (std::size_t image = 0; image < extent.images; ++image) {
    Balanced(total, block, [&](std::size_t begin, std::size_t number) {
      const bool by_row = lines == 1;
      const Real* x = p.x.data + image * p.x.image_stride +
                      begin * (by_row ? p.x.row_stride : p.x.line_stride);
      const Real* d = p.d.data + image * p.d.image_stride +
                      begin * (by_row ? p.d.row_stride : p.d.line_stride);
      ForEachPanel<kWidestTile, Real>(
          p.columns,
          [&]<std::size_t kVectors, bool kPartial>(std::size_t column,
                                                   std::size_t width) {
            const Real* b = d + column;
            std::size_t b_inner = p.d.row_stride;
            if (pack) {
              for (std::size_t row = 0; row < number; ++row) {
                const Real* from = b + row * b_inner;
                Real* to = packed + row * kPanel;
                std::copy_n(from, (kVectors - 1) * kLanes<Real> + width, to);
              }
              b = packed;
              b_inner = kPanel;
            }
            for (std::size_t segment = 0; segment < p.segments; ++segment) {
              Balanced(
                  p.depth,
                  kTileRows[kVectors],
                  [&](std::size_t k, std::size_t count) {
                    const Terms<Real> terms{
                        .a = x + segment * p.segment_stride + k,
                        .a_row = 1,
                        .a_outer = p.x.line_stride,
                        .a_inner = p.x.row_stride,
                        .b = b,
                        .b_outer = p.d.line_stride,
                        .b_inner = b_inner,
                        .outer = by_row ? 1 : number,
                        .inner = by_row ? number : extent.rows};
                    const Place<Real> place{
                        .c = w + (segment * p.depth + k) * p.columns + column,
                        .c_row = p.columns,
                        .width = width};
                    TileOf<kTileRows[kVectors],
                           kVectors,
                           kPartial,
                           true,
                           false>(
                        count,
                        terms,
                        place,
                        {.bias = nullptr, .accumulate = true, .relu = false});
                  });
            }
          });
    });
  }
}

// Columns of d that are packed at once: [vector][row][lane] lies in the first
// cache and has no two rows a power of two apart.
constexpr std::size_t kPackedColumns = 512;
constexpr std::size_t kDotRows = kTileRows[2] >= 12 ? 10 : 6;
// Rows of W at a time: twice the products for one load of d.
constexpr std::size_t kDotDepth = HWY_TARGET == HWY_SCALAR ? 1 : 2;

// Adds d[m, n] * w[k, n] for one vector of columns n.
template <std::size_t kRows, std::size_t kDepth, bool kPartial, class Real>
HWY_INLINE void AddDots(const Real* packed,
                        const Real* w,
                        std::size_t columns,
                        std::size_t width,
                        Vector<Real> (&acc)[kRows][kDepth]) {
  const Tag<Real> d;
  Vector<Real> row[kDepth];
#pragma GCC unroll 16
  for (std::size_t k = 0; k < kDepth; ++k) {
    row[k] = LoadAt<kPartial>(w + k * columns, width);
  }
#pragma GCC unroll 16
  for (std::size_t m = 0; m < kRows; ++m) {
    const Vector<Real> x = hn::Load(d, packed + m * kLanes<Real>);
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kDepth; ++k) {
      acc[m][k] = hn::MulAdd(x, row[k], acc[m][k]);
    }
  }
}

// Leaves the pair of sums of one or two rows k of w in pairs[m][k / 2][lane],
// for kRows rows m.
template <std::size_t kRows, std::size_t kDepth, class Real>
HWY_INLINE void DotTile(const Real* packed,
                        const Real* w,
                        std::size_t columns,
                        std::size_t count,
                        Real* pairs) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  Vector<Real> acc[kRows][kDepth];
#pragma GCC unroll 16
  for (std::size_t m = 0; m < kRows; ++m) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kDepth; ++k) acc[m][k] = hn::Zero(d);
  }
  std::size_t n = 0;
  for (; n + kN <= count; n += kN) {
    AddDots<kRows, kDepth, false>(packed + n * kRows, w + n, columns, kN, acc);
  }
  if (n < count) {
    AddDots<kRows, kDepth, true>(
        packed + n * kRows, w + n, columns, count - n, acc);
  }
#pragma GCC unroll 16
  for (std::size_t m = 0; m < kRows; ++m) {
    const auto other = kDepth == 2 ? acc[m][kDepth - 1] : hn::Zero(d);
    hn::Store(
        AddPair<Real>(acc[m][0], other), d, pairs + m * kPairs<Real> * kN);
  }
}

// Computes dx for kRows rows and `count` columns of d from column `first` on.
template <std::size_t kRows, class Real>
HWY_NOINLINE void DotRows(const BackwardProduct<Real>& p,
                          std::size_t row,
                          std::size_t first,
                          std::size_t count) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  alignas(64) Real packed[kRows * kPackedColumns];
  alignas(64) Real pairs[kRows * kPairs<Real> * kN];
  for (std::size_t m = 0; m < kRows; ++m) {
    const Real* from = p.d + (row + m) * p.d_stride + first;
    for (std::size_t n = 0; n < count; n += kN) {
      const auto some = hn::FirstN(d, count - n);
      hn::Store(
          hn::MaskedLoad(some, d, from + n), d, packed + (n * kRows) + m * kN);
    }
  }
  const bool last = first + count == p.columns;
  for (std::size_t k0 = 0; k0 < p.depth; k0 += kN) {
    const std::size_t depth = std::min(kN, p.depth - k0);
    const Real* w = p.w + k0 * p.columns + first;
    std::size_t k = 0;
    for (; k + kDotDepth <= depth; k += kDotDepth) {
      DotTile<kRows, kDotDepth>(
          packed, w + k * p.columns, p.columns, count, pairs + k / 2 * kN);
    }
    for (; k < depth; ++k) {
      DotTile<kRows, 1>(
          packed, w + k * p.columns, p.columns, count, pairs + k / 2 * kN);
    }
    for (std::size_t pair = (k + 1) / 2; pair < kPairs<Real>; ++pair) {
      // Lanes that do not exist are added up too, so they must be numbers.
      for (std::size_t m = 0; m < kRows; ++m) {
        std::fill_n(pairs + (m * kPairs<Real> + pair) * kN, kN, Real{0});
      }
    }
    const auto some = hn::FirstN(d, depth);
    for (std::size_t m = 0; m < kRows; ++m) {
      Vector<Real> sum = SumPairs(pairs + m * kPairs<Real> * kN);
      const std::size_t at = (row + m) * p.dx_stride + k0;
      if (p.accumulate || first != 0) {
        sum = hn::Add(sum, hn::MaskedLoad(some, d, p.dx + at));
      }
      if (p.mask != nullptr && last) {
        const auto open =
            hn::Gt(hn::MaskedLoad(some, d, p.mask + at), hn::Zero(d));
        sum = hn::IfThenElseZero(open, hn::Mul(sum, hn::Set(d, p.scale)));
      }
      hn::BlendedStore(sum, some, d, p.dx + at);
    }
  }
}

template <std::size_t kRows, class Real>
HWY_INLINE void DotRowsOf(std::size_t rows,
                          const BackwardProduct<Real>& p,
                          std::size_t row,
                          std::size_t first,
                          std::size_t count) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      DotRowsOf<kRows - 1>(rows, p, row, first, count);
      return;
    }
  }
  DotRows<kRows>(p, row, first, count);
}

template <class Real>
void Backward(const BackwardProduct<Real>& p) {
  for (std::size_t first = 0; first < p.columns; first += kPackedColumns) {
    const std::size_t count = std::min(kPackedColumns, p.columns - first);
    Balanced(p.rows, kDotRows, [&](std::size_t row, std::size_t rows) {
      DotRowsOf<kDotRows>(rows, p, row, first, count);
    });
  }
}

// What a step does to the weights beside the gradient; before the products are
// added, and after.
template <class Real>
HWY_INLINE void BeginStep(const Update<Real>& update,
                          std::size_t offset,
                          std::size_t size,
                          Real* w) {
  using Form = typename Update<Real>::Form;
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  for (std::size_t i = 0; i < size; i += kN) {
    const auto some = hn::FirstN(d, size - i);
    const auto at = [&](const Real* from) {
      return hn::MaskedLoad(some, d, from + offset + i);
    };
    auto value = hn::MaskedLoad(some, d, w + i);
    if (update.form == Form::kAffine) {
      value = hn::Mul(hn::Set(d, update.keep), value);
      if (update.anchor != nullptr) {
        value =
            hn::MulAdd(hn::Set(d, update.to_anchor), at(update.anchor), value);
      }
      if (update.linear != nullptr) {
        value =
            hn::MulAdd(hn::Set(d, update.to_linear), at(update.linear), value);
      }
      hn::BlendedStore(value, some, d, w + i);
    } else {
      auto v = hn::Mul(hn::Set(d, update.momentum), at(update.velocity));
      v = hn::MulAdd(hn::Set(d, update.decay), value, v);
      if (update.anchor != nullptr) {
        v = hn::MulAdd(
            hn::Set(d, update.prox), hn::Sub(value, at(update.anchor)), v);
      }
      if (update.linear != nullptr) v = hn::Add(v, at(update.linear));
      hn::BlendedStore(v, some, d, update.velocity + offset + i);
    }
  }
}

template <class Real>
HWY_INLINE void EndStep(const Update<Real>& update,
                        std::size_t offset,
                        std::size_t size,
                        Real* w) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  for (std::size_t i = 0; i < size; i += kN) {
    const auto some = hn::FirstN(d, size - i);
    const auto v = hn::MaskedLoad(some, d, update.velocity + offset + i);
    const auto value = hn::MaskedLoad(some, d, w + i);
    hn::BlendedStore(
        hn::NegMulAdd(hn::Set(d, update.lr), v, value), some, d, w + i);
  }
}

template <class Real>
void UpdateWeights(const UpdateProduct<Real>& p) {
  using Form = typename Update<Real>::Form;
  const bool outer = p.extent.images * p.extent.lines == 1 && p.segments == 1 &&
                     p.extent.rows <= kOuterRows &&
                     p.columns >= 2 * kLanes<Real>;
  const Update<Real>& update = p.update;
  Real* target = update.form == Form::kMomentum ? update.velocity : p.w;
  if (update.form == Form::kAdd) {
    const Real* start = update.start != nullptr ? update.start : target;
    if (outer) {
      UpdateByOuter(p, 0, p.depth, start, target);
    } else {
      if (start != target) {
        std::copy_n(start, p.segments * p.depth * p.columns, target);
      }
      UpdateByTiles(p, target);
    }
    return;
  }
  // Few rows: a block of weights goes through all three passes while it is in
  // the first-level cache. Many rows: the passes are a small share.
  const std::size_t block =
      outer ? std::max<std::size_t>(1, 4096 / p.columns) : p.depth;
  for (std::size_t first = 0; first < p.depth; first += block) {
    const std::size_t depth = std::min(block, p.depth - first);
    const std::size_t offset = first * p.columns;
    const std::size_t size = p.segments * depth * p.columns;
    BeginStep(update, offset, size, p.w + offset);
    if (outer) {
      UpdateByOuter(p, first, depth, target + offset, target + offset);
    } else {
      UpdateByTiles(p, target);
    }
    if (update.form == Form::kMomentum) {
      EndStep(update, offset, size, p.w + offset);
    }
  }
}

void Forward32(const ForwardProduct<float>& p) { Forward(p); }
void Forward64(const ForwardProduct<double>& p) { Forward(p); }
void Update32(const UpdateProduct<float>& p) { UpdateWeights(p); }
void Update64(const UpdateProduct<double>& p) { UpdateWeights(p); }
void Backward32(const BackwardProduct<float>& p) { Backward(p); }
void Backward64(const BackwardProduct<double>& p) { Backward(p); }

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

HWY_EXPORT(Forward32);
HWY_EXPORT(Forward64);
HWY_EXPORT(Update32);
HWY_EXPORT(Update64);
HWY_EXPORT(Backward32);
HWY_EXPORT(Backward64);

template <>
void Multiply(const ForwardProduct<float>& product) {
  HWY_DYNAMIC_DISPATCH(Forward32)(product);
}
template <>
void Multiply(const ForwardProduct<double>& product) {
  HWY_DYNAMIC_DISPATCH(Forward64)(product);
}
template <>
void Multiply(const UpdateProduct<float>& product) {
  HWY_DYNAMIC_DISPATCH(Update32)(product);
}
template <>
void Multiply(const UpdateProduct<double>& product) {
  HWY_DYNAMIC_DISPATCH(Update64)(product);
}
template <>
void Multiply(const BackwardProduct<float>& product) {
  HWY_DYNAMIC_DISPATCH(Backward32)(product);
}
template <>
void Multiply(const BackwardProduct<double>& product) {
  HWY_DYNAMIC_DISPATCH(Backward64)(product);
}

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
