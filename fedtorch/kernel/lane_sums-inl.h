// Shared by the kernels' sources; included once for every instruction set.
#if defined(FEDTORCH_KERNEL_LANE_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FEDTORCH_KERNEL_LANE_SUMS_INL_H_
#undef FEDTORCH_KERNEL_LANE_SUMS_INL_H_
#else
#define FEDTORCH_KERNEL_LANE_SUMS_INL_H_
#endif

#include "fedtorch/kernel/lanes-inl.h"

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

// Inner products add up the lanes of kLanes vectors, one result a vector. Two
// vectors are interleaved and added, which leaves half as many, and so on; the
// first of these levels is done while the sums are in registers. Every result
// is added up in the same order, in whichever of the vectors it was.

/// Does the first level for two vectors, the first of them even.
#if HWY_TARGET == HWY_SCALAR
template <class Real>
HWY_INLINE Vector<Real> AddPair(Vector<Real> a, Vector<Real>) {
  return a;
}
template <class Real>
HWY_INLINE Vector<Real> SumPairs(const Real* from) {
  return hn::Load(Tag<Real>(), from);
}
#else
template <class Real>
HWY_INLINE Vector<Real> AddPair(Vector<Real> a, Vector<Real> b) {
  const Tag<Real> d;
  return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
}

/// Does the others: takes kLanes / 2 results of AddPair that lie at `from`,
/// aligned, and returns the sums of their kLanes vectors in order.
template <class Real>
HWY_INLINE Vector<Real> SumPairs(const Real* from) {
  const Tag<Real> d;
  constexpr std::size_t kN = kLanes<Real>;
  // The pair of the vectors i and i + 1.
  const auto pair = [&](std::size_t i) {
    return hn::Load(d, from + i / 2 * kN);
  };
  const auto halves = [&](Vector<Real> p, Vector<Real> q) {
    return hn::Add(hn::ConcatLowerLower(d, q, p),
                   hn::ConcatUpperUpper(d, q, p));
  };
  const auto blocks = [&](Vector<Real> p, Vector<Real> q) {
    const auto sum = halves(p, q);
    return hn::Add(sum, hn::SwapAdjacentBlocks(sum));
  };
  if constexpr (sizeof(Real) == 8) {
    // Blocks of two lanes: a pair holds results already.
    if constexpr (kN == 2) return pair(0);
    if constexpr (kN == 4) return halves(pair(0), pair(2));
    if constexpr (kN == 8) {
      return hn::OddEvenBlocks(blocks(pair(2), pair(6)),
                               blocks(pair(0), pair(4)));
    }
  } else {
    // Blocks of four lanes: one level more.
    const hn::Repartition<double, Tag<Real>> wide;
    const auto four = [&](std::size_t i) {
      const auto p = hn::BitCast(wide, pair(i));
      const auto q = hn::BitCast(wide, pair(i + 2));
      return hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, p, q)),
                     hn::BitCast(d, hn::InterleaveUpper(wide, p, q)));
    };
    if constexpr (kN == 4) return four(0);
    if constexpr (kN == 8) return halves(four(0), four(4));
    if constexpr (kN == 16) {
      return hn::OddEvenBlocks(blocks(four(4), four(12)),
                               blocks(four(0), four(8)));
    }
  }
}
#endif

/// Vectors that hold the pairs of kLanes results.
template <class Real>
constexpr std::size_t kPairs = (kLanes<Real> + 1) / 2;

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#endif  // FEDTORCH_KERNEL_LANE_SUMS_INL_H_
