// Shared by the kernels' sources; included once for every instruction set.
#if defined(FEDTORCH_KERNEL_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FEDTORCH_KERNEL_LANES_INL_H_
#undef FEDTORCH_KERNEL_LANES_INL_H_
#else
#define FEDTORCH_KERNEL_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A vector of at most 64 bytes, so that sums do not depend on wider vectors to
/// come.
template <class Real>
using Tag = hn::CappedTag<Real, 64 / sizeof(Real)>;
/// Its value.
template <class Real>
using Vector = hn::Vec<Tag<Real>>;
/// Numbers in a vector.
template <class Real>
constexpr std::size_t kLanes = hn::MaxLanes(Tag<Real>());

/// Loads a vector, or its first `width` lanes if kPartial and zeros.
template <bool kPartial, class Real>
HWY_INLINE Vector<Real> LoadAt(const Real* from, std::size_t width) {
  const Tag<Real> d;
  if constexpr (kPartial) {
    return hn::MaskedLoad(hn::FirstN(d, width), d, from);
  } else {
    return hn::LoadU(d, from);
  }
}

/// Stores a vector, or its first `width` lanes if kPartial.
template <bool kPartial, class Real>
HWY_INLINE void StoreAt(Vector<Real> value, Real* to, std::size_t width) {
  const Tag<Real> d;
  if constexpr (kPartial) {
    hn::BlendedStore(value, hn::FirstN(d, width), d, to);
  } else {
    hn::StoreU(value, d, to);
  }
}

/// Calls body.template operator()<kPartial>(i, width) for a range of `size`
/// values, a vector at a time.
template <class Real, class Body>
HWY_INLINE void ForEachVector(std::size_t size, Body body) {
  constexpr std::size_t kN = kLanes<Real>;
  std::size_t i = 0;
  for (; i + kN <= size; i += kN) body.template operator()<false>(i, kN);
  if (i < size) body.template operator()<true>(i, size - i);
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#endif  // FEDTORCH_KERNEL_LANES_INL_H_
