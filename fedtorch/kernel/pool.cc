#include "fedtorch/kernel/pool.h"

#include "fedtorch/core/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/pool.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

// The part of a window that lies inside the image along one side.
struct Cut {
  std::size_t first, last;  // pixels [first, last)
  std::size_t skipped;      // of the window, before `first`
};
HWY_INLINE Cut CutAt(std::size_t out,
                     std::size_t size,
                     std::size_t kernel,
                     std::size_t stride,
                     std::size_t padding) {
  const std::size_t start = out * stride;
  const std::size_t first = start < padding ? 0 : start - padding;
  const std::size_t end =
      start + kernel < padding ? 0 : start + kernel - padding;
  return {first, std::min(end, size), start < padding ? padding - start : 0};
}

template <class Real>
HWY_INLINE Real* At(const Rows<Real>& rows,
                    std::size_t image,
                    std::size_t line,
                    std::size_t row) {
  return rows.data + image * rows.image_stride + line * rows.line_stride +
         row * rows.row_stride;
}

// Calls body(image, line, row, vertical cut, horizontal cut) for every window.
template <class Real, class Body>
HWY_INLINE void ForEachWindow(const Pool<Real>& pool, Body body) {
  for (std::size_t image = 0; image < pool.images; ++image) {
    for (std::size_t line = 0; line < pool.out_height; ++line) {
      const Cut v =
          CutAt(line, pool.height, pool.kernel, pool.stride, pool.padding);
      for (std::size_t row = 0; row < pool.out_width; ++row) {
        const Cut h =
            CutAt(row, pool.width, pool.kernel, pool.stride, pool.padding);
        body(image, line, row, v, h);
      }
    }
  }
}

template <class Real>
HWY_INLINE void MaxForward(const Pool<Real>& pool,
                           const Rows<const Real>& x,
                           const Rows<Real>& y,
                           Real* winner) {
  const Tag<Real> d;
  ForEachWindow(
      pool,
      [&](std::size_t image,
          std::size_t line,
          std::size_t row,
          const Cut& v,
          const Cut& h) HWY_ATTR {
        Real* out = At(y, image, line, row);
        Real* place =
            winner + ((image * pool.out_height + line) * pool.out_width + row) *
                         pool.channels;
        const Real* top = At(x, image, v.first, h.first);
        const std::size_t begin = v.skipped * pool.kernel + h.skipped;
        ForEachVector<Real>(
            pool.channels,
            [&]<bool kPartial>(std::size_t c, std::size_t width) HWY_ATTR {
              auto best = LoadAt<kPartial>(top + c, width);
              auto index = hn::Set(d, static_cast<Real>(begin));
              for (std::size_t i = v.first; i < v.last; ++i) {
                for (std::size_t j = h.first; j < h.last; ++j) {
                  const std::size_t number =
                      begin + (i - v.first) * pool.kernel + (j - h.first);
                  if (number == begin) continue;
                  const auto value =
                      LoadAt<kPartial>(top + (i - v.first) * x.line_stride +
                                           (j - h.first) * x.row_stride + c,
                                       width);
                  const auto wins =
                      hn::Or(hn::Gt(value, best), hn::IsNaN(value));
                  best = hn::IfThenElse(wins, value, best);
                  index = hn::IfThenElse(
                      wins, hn::Set(d, static_cast<Real>(number)), index);
                }
              }
              StoreAt<kPartial>(best, out + c, width);
              StoreAt<kPartial>(index, place + c, width);
            });
      });
}

template <class Real>
HWY_INLINE void Clear(const Pool<Real>& pool, const Rows<Real>& dx) {
  for (std::size_t image = 0; image < pool.images; ++image) {
    for (std::size_t line = 0; line < pool.height; ++line) {
      for (std::size_t row = 0; row < pool.width; ++row) {
        Real* at = At(dx, image, line, row);
        std::fill(at, at + pool.channels, Real{0});
      }
    }
  }
}

template <class Real>
HWY_INLINE void MaxBackward(const Pool<Real>& pool,
                            const Real* winner,
                            const Rows<const Real>& y,
                            const Rows<const Real>& dy,
                            bool relu,
                            const Rows<Real>& dx) {
  const Tag<Real> d;
  // Windows that touch store; windows that overlap, or leave pixels out, need
  // zeros first.
  const bool tiled = pool.stride == pool.kernel && pool.padding == 0 &&
                     pool.out_height * pool.stride >= pool.height &&
                     pool.out_width * pool.stride >= pool.width;
  if (!tiled) Clear(pool, dx);
  const bool overlap = pool.stride < pool.kernel;
  ForEachWindow(
      pool,
      [&](std::size_t image,
          std::size_t line,
          std::size_t row,
          const Cut& v,
          const Cut& h) HWY_ATTR {
        const Real* value = At(y, image, line, row);
        const Real* gradient = At(dy, image, line, row);
        const Real* place =
            winner + ((image * pool.out_height + line) * pool.out_width + row) *
                         pool.channels;
        Real* top = At(dx, image, v.first, h.first);
        const std::size_t begin = v.skipped * pool.kernel + h.skipped;
        ForEachVector<Real>(
            pool.channels,
            [&]<bool kPartial>(std::size_t c, std::size_t width) HWY_ATTR {
              auto g = LoadAt<kPartial>(gradient + c, width);
              if (relu) {
                g = hn::IfThenElseZero(
                    hn::Gt(LoadAt<kPartial>(value + c, width), hn::Zero(d)), g);
              }
              const auto index = LoadAt<kPartial>(place + c, width);
              for (std::size_t i = v.first; i < v.last; ++i) {
                for (std::size_t j = h.first; j < h.last; ++j) {
                  const std::size_t number =
                      begin + (i - v.first) * pool.kernel + (j - h.first);
                  Real* to = top + (i - v.first) * dx.line_stride +
                             (j - h.first) * dx.row_stride + c;
                  auto share = hn::IfThenElseZero(
                      hn::Eq(index, hn::Set(d, static_cast<Real>(number))), g);
                  if (overlap) {
                    share = hn::Add(share, LoadAt<kPartial>(to, width));
                  }
                  StoreAt<kPartial>(share, to, width);
                }
              }
            });
      });
}

template <class Real>
HWY_INLINE void AverageForward(const Pool<Real>& pool,
                               const Rows<const Real>& x,
                               const Rows<Real>& y) {
  const Tag<Real> d;
  ForEachWindow(
      pool,
      [&](std::size_t image,
          std::size_t line,
          std::size_t row,
          const Cut& v,
          const Cut& h) HWY_ATTR {
        Real* out = At(y, image, line, row);
        const Real* top = At(x, image, v.first, h.first);
        const auto share = Real{1} / static_cast<Real>((v.last - v.first) *
                                                       (h.last - h.first));
        ForEachVector<Real>(
            pool.channels,
            [&]<bool kPartial>(std::size_t c, std::size_t width) HWY_ATTR {
              auto sum = hn::Zero(d);
              for (std::size_t i = 0; i < v.last - v.first; ++i) {
                for (std::size_t j = 0; j < h.last - h.first; ++j) {
                  sum = hn::Add(sum,
                                LoadAt<kPartial>(top + i * x.line_stride +
                                                     j * x.row_stride + c,
                                                 width));
                }
              }
              StoreAt<kPartial>(
                  hn::Mul(sum, hn::Set(d, share)), out + c, width);
            });
      });
}

template <class Real>
HWY_INLINE void AverageBackward(const Pool<Real>& pool,
                                const Rows<const Real>& dy,
                                const Rows<Real>& dx) {
  const Tag<Real> d;
  Clear(pool, dx);
  ForEachWindow(
      pool,
      [&](std::size_t image,
          std::size_t line,
          std::size_t row,
          const Cut& v,
          const Cut& h) HWY_ATTR {
        const Real* gradient = At(dy, image, line, row);
        Real* top = At(dx, image, v.first, h.first);
        const auto share = Real{1} / static_cast<Real>((v.last - v.first) *
                                                       (h.last - h.first));
        ForEachVector<Real>(
            pool.channels,
            [&]<bool kPartial>(std::size_t c, std::size_t width) HWY_ATTR {
              const auto g = hn::Mul(LoadAt<kPartial>(gradient + c, width),
                                     hn::Set(d, share));
              for (std::size_t i = 0; i < v.last - v.first; ++i) {
                for (std::size_t j = 0; j < h.last - h.first; ++j) {
                  Real* to = top + i * dx.line_stride + j * dx.row_stride + c;
                  StoreAt<kPartial>(
                      hn::Add(g, LoadAt<kPartial>(to, width)), to, width);
                }
              }
            });
      });
}

// One name for each number type: only functions can be exported, not templates.
#define FEDTORCH_KERNEL(Real, Bits)                          \
  void MaxPoolForward##Bits(const Pool<Real>& pool,          \
                            const Rows<const Real>& x,       \
                            const Rows<Real>& y,             \
                            Real* winner) {                  \
    MaxForward(pool, x, y, winner);                          \
  }                                                          \
  void MaxPoolBackward##Bits(const Pool<Real>& pool,         \
                             const Real* winner,             \
                             const Rows<const Real>& y,      \
                             const Rows<const Real>& dy,     \
                             bool relu,                      \
                             const Rows<Real>& dx) {         \
    MaxBackward(pool, winner, y, dy, relu, dx);              \
  }                                                          \
  void AveragePoolForward##Bits(const Pool<Real>& pool,      \
                                const Rows<const Real>& x,   \
                                const Rows<Real>& y) {       \
    AverageForward(pool, x, y);                              \
  }                                                          \
  void AveragePoolBackward##Bits(const Pool<Real>& pool,     \
                                 const Rows<const Real>& dy, \
                                 const Rows<Real>& dx) {     \
    AverageBackward(pool, dy, dx);                           \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

#define FEDTORCH_KERNEL(Real, Bits)                                 \
  HWY_EXPORT(MaxPoolForward##Bits);                                 \
  HWY_EXPORT(MaxPoolBackward##Bits);                                \
  HWY_EXPORT(AveragePoolForward##Bits);                             \
  HWY_EXPORT(AveragePoolBackward##Bits);                            \
  template <>                                                       \
  void MaxPoolForward(const Pool<Real>& pool,                       \
                      const Rows<const Real>& x,                    \
                      const Rows<Real>& y,                          \
                      Real* winner) {                               \
    HWY_DYNAMIC_DISPATCH(MaxPoolForward##Bits)(pool, x, y, winner); \
  }                                                                 \
  template <>                                                       \
  void MaxPoolBackward(const Pool<Real>& pool,                      \
                       const Real* winner,                          \
                       const Rows<const Real>& y,                   \
                       const Rows<const Real>& dy,                  \
                       bool relu,                                   \
                       const Rows<Real>& dx) {                      \
    HWY_DYNAMIC_DISPATCH(MaxPoolBackward##Bits)                     \
    (pool, winner, y, dy, relu, dx);                                \
  }                                                                 \
  template <>                                                       \
  void AveragePoolForward(const Pool<Real>& pool,                   \
                          const Rows<const Real>& x,                \
                          const Rows<Real>& y) {                    \
    HWY_DYNAMIC_DISPATCH(AveragePoolForward##Bits)(pool, x, y);     \
  }                                                                 \
  template <>                                                       \
  void AveragePoolBackward(const Pool<Real>& pool,                  \
                           const Rows<const Real>& dy,              \
                           const Rows<Real>& dx) {                  \
    HWY_DYNAMIC_DISPATCH(AveragePoolBackward##Bits)(pool, dy, dx);  \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
