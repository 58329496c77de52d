#include "fedtorch/data/scale_bytes.h"

#include "fedtorch/core/targets.h"

// AVX-512, AVX2, NEON or scalar code, chosen at run time: of a small model this
// is a quarter of the work. Nothing is fused.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/data/scale_bytes.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::data {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void Scale(const std::uint8_t* HWY_RESTRICT from,
           std::size_t count,
           float factor,
           float shift,
           float* HWY_RESTRICT to) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<std::int32_t, decltype(d)> di;
  const hn::Rebind<std::uint8_t, decltype(d)> db;
  const std::size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  const auto shifts = hn::Set(d, shift);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bytes = hn::PromoteTo(di, hn::LoadU(db, from + i));
    const auto values = hn::ConvertTo(d, bytes);
    hn::StoreU(hn::Sub(hn::Mul(values, factors), shifts), d, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]) * factor - shift;
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::data
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::data {

HWY_EXPORT(Scale);

void ScaleBytes(const std::uint8_t* from,
                std::size_t count,
                float factor,
                float shift,
                float* to) {
  HWY_DYNAMIC_DISPATCH(Scale)(from, count, factor, shift, to);
}

}  // namespace fedtorch::data
#endif  // HWY_ONCE
