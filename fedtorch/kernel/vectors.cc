#include "fedtorch/kernel/vectors.h"

#include "fedtorch/core/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/vectors.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

template <class Real>
HWY_INLINE void ApplyUpdateTo(const Update<Real>& update,
                              const Real* gradient,
                              Real scale,
                              std::size_t offset,
                              std::size_t size,
                              Real* w) {
  using Form = typename Update<Real>::Form;
  const Tag<Real> d;
  ForEachVector<Real>(
      size, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
        const auto at = [&](const Real* from) HWY_ATTR {
          return LoadAt<kPartial>(from + offset + i, width);
        };
        const auto g =
            hn::Mul(hn::Set(d, scale), LoadAt<kPartial>(gradient + i, width));
        auto value = LoadAt<kPartial>(
            update.start != nullptr ? update.start + offset + i : w + i, width);
        if (update.form == Form::kMomentum) {
          auto v = hn::Mul(hn::Set(d, update.momentum), at(update.velocity));
          v = hn::MulAdd(hn::Set(d, update.decay), value, v);
          if (update.anchor != nullptr) {
            v = hn::MulAdd(
                hn::Set(d, update.prox), hn::Sub(value, at(update.anchor)), v);
          }
          if (update.linear != nullptr) v = hn::Add(v, at(update.linear));
          v = hn::Add(v, g);
          StoreAt<kPartial>(v, update.velocity + offset + i, width);
          value = hn::NegMulAdd(hn::Set(d, update.lr), v, value);
        } else {
          if (update.form == Form::kAffine) {
            value = hn::Mul(hn::Set(d, update.keep), value);
            if (update.anchor != nullptr) {
              value = hn::MulAdd(
                  hn::Set(d, update.to_anchor), at(update.anchor), value);
            }
            if (update.linear != nullptr) {
              value = hn::MulAdd(
                  hn::Set(d, update.to_linear), at(update.linear), value);
            }
          }
          value = hn::Add(value, g);
        }
        StoreAt<kPartial>(value, w + i, width);
      });
}

template <class Real>
HWY_INLINE void AddColumns(const Extent& extent,
                           const Rows<const Real>& rows,
                           std::size_t columns,
                           Real* sums) {
  const Tag<Real> d;
  ForEachVector<Real>(
      columns, [&]<bool kPartial>(std::size_t c, std::size_t width) HWY_ATTR {
        // Four sums: one alone would wait for itself.
        auto sum0 = LoadAt<kPartial>(sums + c, width);
        auto sum1 = hn::Zero(d);
        auto sum2 = hn::Zero(d);
        auto sum3 = hn::Zero(d);
        for (std::size_t image = 0; image < extent.images; ++image) {
          for (std::size_t line = 0; line < extent.lines; ++line) {
            const Real* at = rows.data + image * rows.image_stride +
                             line * rows.line_stride + c;
            const std::size_t step = rows.row_stride;
            std::size_t r = 0;
            for (; r + 4 <= extent.rows; r += 4) {
              sum0 = hn::Add(sum0, LoadAt<kPartial>(at + r * step, width));
              sum1 =
                  hn::Add(sum1, LoadAt<kPartial>(at + (r + 1) * step, width));
              sum2 =
                  hn::Add(sum2, LoadAt<kPartial>(at + (r + 2) * step, width));
              sum3 =
                  hn::Add(sum3, LoadAt<kPartial>(at + (r + 3) * step, width));
            }
            for (; r < extent.rows; ++r) {
              sum0 = hn::Add(sum0, LoadAt<kPartial>(at + r * step, width));
            }
          }
        }
        StoreAt<kPartial>(
            hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)), sums + c, width);
      });
}

template <class Real>
HWY_INLINE void ScaleAll(Real factor, std::size_t size, Real* values) {
  const Tag<Real> d;
  ForEachVector<Real>(
      size, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
        StoreAt<kPartial>(
            hn::Mul(hn::Set(d, factor), LoadAt<kPartial>(values + i, width)),
            values + i,
            width);
      });
}

template <class Real>
HWY_INLINE void AddAllScaled(Real factor,
                             const Real* x,
                             std::size_t size,
                             Real* y) {
  const Tag<Real> d;
  ForEachVector<Real>(
      size, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
        StoreAt<kPartial>(hn::MulAdd(hn::Set(d, factor),
                                     LoadAt<kPartial>(x + i, width),
                                     LoadAt<kPartial>(y + i, width)),
                          y + i,
                          width);
      });
}

// Plain loops with eight sums; compiled for each instruction set like the rest.
template <class Real>
HWY_INLINE double DotOf(const Real* x, const Real* y, std::size_t size) {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) {
      sums[j] += static_cast<double>(x[i + j]) * static_cast<double>(y[i + j]);
    }
  }
  for (; i < size; ++i) {
    sums[0] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
         ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

template <class Real>
HWY_INLINE double SquaredDistanceOf(const Real* x,
                                    const Real* y,
                                    std::size_t size) {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) {
      const double difference =
          static_cast<double>(x[i + j]) - static_cast<double>(y[i + j]);
      sums[j] += difference * difference;
    }
  }
  for (; i < size; ++i) {
    const double difference =
        static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sums[0] += difference * difference;
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
         ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

template <class Real>
HWY_INLINE double SubtractAll(const Real* x,
                              const Real* y,
                              std::size_t size,
                              Real* out) {
  // A block's squares are added up while it is in the first cache.
  constexpr std::size_t kBlock = 2048;
  double sum = 0.0;
  for (std::size_t first = 0; first < size; first += kBlock) {
    const std::size_t count = std::min(kBlock, size - first);
    ForEachVector<Real>(
        count, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
          StoreAt<kPartial>(hn::Sub(LoadAt<kPartial>(x + first + i, width),
                                    LoadAt<kPartial>(y + first + i, width)),
                            out + first + i,
                            width);
        });
    sum += DotOf(out + first, out + first, count);
  }
  return sum;
}

// One name for each number type: only functions can be exported, not templates.
#define FEDTORCH_KERNEL(Real, Bits)                                  \
  void ApplyUpdate##Bits(const Update<Real>& update,                 \
                         const Real* gradient,                       \
                         Real scale,                                 \
                         std::size_t offset,                         \
                         std::size_t size,                           \
                         Real* w) {                                  \
    ApplyUpdateTo(update, gradient, scale, offset, size, w);         \
  }                                                                  \
  void AddColumnSums##Bits(const Extent& extent,                     \
                           const Rows<const Real>& d,                \
                           std::size_t columns,                      \
                           Real* sums) {                             \
    AddColumns(extent, d, columns, sums);                            \
  }                                                                  \
  void Scale##Bits(Real factor, std::size_t size, Real* values) {    \
    ScaleAll(factor, size, values);                                  \
  }                                                                  \
  void AddScaled##Bits(                                              \
      Real factor, const Real* x, std::size_t size, Real* y) {       \
    AddAllScaled(factor, x, size, y);                                \
  }                                                                  \
  double Dot##Bits(const Real* x, const Real* y, std::size_t size) { \
    return DotOf(x, y, size);                                        \
  }                                                                  \
  double SquaredDistance##Bits(                                      \
      const Real* x, const Real* y, std::size_t size) {              \
    return SquaredDistanceOf(x, y, size);                            \
  }                                                                  \
  double Subtract##Bits(                                             \
      const Real* x, const Real* y, std::size_t size, Real* out) {   \
    return SubtractAll(x, y, size, out);                             \
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
  HWY_EXPORT(ApplyUpdate##Bits);                                               \
  HWY_EXPORT(AddColumnSums##Bits);                                             \
  HWY_EXPORT(Scale##Bits);                                                     \
  HWY_EXPORT(AddScaled##Bits);                                                 \
  HWY_EXPORT(Dot##Bits);                                                       \
  HWY_EXPORT(SquaredDistance##Bits);                                           \
  HWY_EXPORT(Subtract##Bits);                                                  \
  template <>                                                                  \
  void ApplyUpdate(const Update<Real>& update,                                 \
                   const Real* gradient,                                       \
                   Real scale,                                                 \
                   std::size_t offset,                                         \
                   std::size_t size,                                           \
                   Real* w) {                                                  \
    HWY_DYNAMIC_DISPATCH(ApplyUpdate##Bits)                                    \
    (update, gradient, scale, offset, size, w);                                \
  }                                                                            \
  template <>                                                                  \
  void AddColumnSums(const Extent& extent,                                     \
                     const Rows<const Real>& d,                                \
                     std::size_t columns,                                      \
                     Real* sums) {                                             \
    HWY_DYNAMIC_DISPATCH(AddColumnSums##Bits)(extent, d, columns, sums);       \
  }                                                                            \
  template <>                                                                  \
  void Scale(Real factor, std::size_t size, Real* values) {                    \
    HWY_DYNAMIC_DISPATCH(Scale##Bits)(factor, size, values);                   \
  }                                                                            \
  template <>                                                                  \
  void AddScaled(Real factor, const Real* x, std::size_t size, Real* y) {      \
    HWY_DYNAMIC_DISPATCH(AddScaled##Bits)(factor, x, size, y);                 \
  }                                                                            \
  template <>                                                                  \
  double Dot(const Real* x, const Real* y, std::size_t size) {                 \
    return HWY_DYNAMIC_DISPATCH(Dot##Bits)(x, y, size);                        \
  }                                                                            \
  template <>                                                                  \
  double SquaredDistance(const Real* x, const Real* y, std::size_t size) {     \
    return HWY_DYNAMIC_DISPATCH(SquaredDistance##Bits)(x, y, size);            \
  }                                                                            \
  template <>                                                                  \
  double Subtract(const Real* x, const Real* y, std::size_t size, Real* out) { \
    return HWY_DYNAMIC_DISPATCH(Subtract##Bits)(x, y, size, out);              \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
