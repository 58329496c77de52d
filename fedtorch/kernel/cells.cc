#include "fedtorch/kernel/cells.h"

#include "fedtorch/core/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/cells.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/lanes-inl.h"

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

template <class Real>
HWY_INLINE Vector<Real> Sigmoid(Vector<Real> x) {
  const Tag<Real> d;
  const auto half = hn::Set(d, static_cast<Real>(0.5));
  // By tanh: no overflow at either end.
  return hn::MulAdd(half, hn::Tanh(d, hn::Mul(half, x)), half);
}

template <class Real>
HWY_INLINE void ActivateAll(Activation f,
                            std::size_t size,
                            const Real* x,
                            Real* y) {
  const Tag<Real> d;
  ForEachVector<Real>(
      size, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
        auto value = LoadAt<kPartial>(x + i, width);
        if (f == Activation::kRelu) {
          // Not by Max, which loses NaN on some machines.
          value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);
        } else if (f == Activation::kTanh) {
          value = hn::Tanh(d, value);
        } else {
          value = Sigmoid<Real>(value);
        }
        StoreAt<kPartial>(value, y + i, width);
      });
}

template <class Real>
HWY_INLINE void ActivateAllBackward(
    Activation f, std::size_t size, const Real* y, const Real* dy, Real* dx) {
  const Tag<Real> d;
  const auto one = hn::Set(d, Real{1});
  ForEachVector<Real>(
      size, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
        const auto value = LoadAt<kPartial>(y + i, width);
        auto gradient = LoadAt<kPartial>(dy + i, width);
        if (f == Activation::kRelu) {
          gradient = hn::IfThenElseZero(hn::Gt(value, hn::Zero(d)), gradient);
        } else if (f == Activation::kTanh) {
          gradient = hn::Mul(gradient, hn::NegMulAdd(value, value, one));
        } else {
          gradient = hn::Mul(gradient, hn::Mul(value, hn::Sub(one, value)));
        }
        StoreAt<kPartial>(gradient, dx + i, width);
      });
}

template <class Real>
HWY_INLINE void LstmForwardRows(const LstmCells<Real>& cells,
                                const Real* before,
                                Real* c,
                                Real* h,
                                std::size_t h_stride) {
  const Tag<Real> d;
  const std::size_t n = cells.hidden;
  for (std::size_t r = 0; r < cells.rows; ++r) {
    Real* gates = cells.gates + r * cells.gates_stride;
    ForEachVector<Real>(
        n, [&]<bool kPartial>(std::size_t j, std::size_t width) HWY_ATTR {
          const auto gate = [&](std::size_t g) HWY_ATTR {
            return LoadAt<kPartial>(gates + g * n + j, width);
          };
          const auto in = Sigmoid<Real>(gate(0));
          const auto forget = Sigmoid<Real>(gate(1));
          const auto cell = hn::Tanh(d, gate(2));
          const auto out = Sigmoid<Real>(gate(3));
          auto state = hn::Mul(in, cell);
          if (before != nullptr) {
            state = hn::MulAdd(
                forget, LoadAt<kPartial>(before + r * n + j, width), state);
          }
          StoreAt<kPartial>(in, gates + j, width);
          StoreAt<kPartial>(forget, gates + n + j, width);
          StoreAt<kPartial>(cell, gates + 2 * n + j, width);
          StoreAt<kPartial>(out, gates + 3 * n + j, width);
          StoreAt<kPartial>(state, c + r * n + j, width);
          StoreAt<kPartial>(
              hn::Mul(out, hn::Tanh(d, state)), h + r * h_stride + j, width);
        });
  }
}

template <class Real>
HWY_INLINE void LstmBackwardRows(const LstmCells<Real>& cells,
                                 const Real* before,
                                 const Real* c,
                                 const Real* dh,
                                 Real* dc) {
  const Tag<Real> d;
  const auto one = hn::Set(d, Real{1});
  const std::size_t n = cells.hidden;
  for (std::size_t r = 0; r < cells.rows; ++r) {
    Real* gates = cells.gates + r * cells.gates_stride;
    ForEachVector<Real>(
        n, [&]<bool kPartial>(std::size_t j, std::size_t width) HWY_ATTR {
          const auto gate = [&](std::size_t g) HWY_ATTR {
            return LoadAt<kPartial>(gates + g * n + j, width);
          };
          const auto in = gate(0);
          const auto forget = gate(1);
          const auto cell = gate(2);
          const auto out = gate(3);
          const std::size_t at = r * n + j;
          const auto squashed = hn::Tanh(d, LoadAt<kPartial>(c + at, width));
          const auto d_hidden = LoadAt<kPartial>(dh + at, width);
          const auto d_state =
              hn::MulAdd(hn::Mul(d_hidden, out),
                         hn::NegMulAdd(squashed, squashed, one),
                         LoadAt<kPartial>(dc + at, width));
          const auto slope = [&](auto gate_value) HWY_ATTR {
            return hn::Mul(gate_value, hn::Sub(one, gate_value));
          };
          const auto d_in = hn::Mul(hn::Mul(d_state, cell), slope(in));
          auto d_forget = hn::Zero(d);
          if (before != nullptr) {
            d_forget =
                hn::Mul(hn::Mul(d_state, LoadAt<kPartial>(before + at, width)),
                        slope(forget));
          }
          const auto d_cell =
              hn::Mul(hn::Mul(d_state, in), hn::NegMulAdd(cell, cell, one));
          const auto d_out = hn::Mul(hn::Mul(d_hidden, squashed), slope(out));
          StoreAt<kPartial>(d_in, gates + j, width);
          StoreAt<kPartial>(d_forget, gates + n + j, width);
          StoreAt<kPartial>(d_cell, gates + 2 * n + j, width);
          StoreAt<kPartial>(d_out, gates + 3 * n + j, width);
          StoreAt<kPartial>(hn::Mul(d_state, forget), dc + at, width);
        });
  }
}

// The largest of a row. NaN if one is there and the vector unit keeps it; the
// loss is NaN then anyway.
template <class Real>
HWY_INLINE Real Largest(std::size_t size, const Real* row) {
  const Tag<Real> d;
  auto best = hn::Set(d, row[0]);
  constexpr std::size_t kN = kLanes<Real>;
  std::size_t i = 0;
  for (; i + kN <= size; i += kN) best = hn::Max(best, hn::LoadU(d, row + i));
  if (i < size) {
    const auto some = hn::FirstN(d, size - i);
    best = hn::Max(
        best, hn::IfThenElse(some, hn::MaskedLoad(some, d, row + i), best));
  }
  return hn::GetLane(hn::MaxOfLanes(d, best));
}

// exp(row - shift) into `out`, and its sum.
template <class Real>
HWY_INLINE Real
Exponentials(std::size_t size, const Real* row, Real shift, Real* out) {
  const Tag<Real> d;
  auto sum = hn::Zero(d);
  ForEachVector<Real>(
      size, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
        auto value = hn::Exp(
            d, hn::Sub(LoadAt<kPartial>(row + i, width), hn::Set(d, shift)));
        if constexpr (kPartial) {
          value = hn::IfThenElseZero(hn::FirstN(d, width), value);
        }
        sum = hn::Add(sum, value);
        StoreAt<kPartial>(value, out + i, width);
      });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

template <class Real>
HWY_INLINE Real LogOf(Real x) {
  const Tag<Real> d;
  return hn::GetLane(hn::Log(d, hn::Set(d, x)));
}

template <class Real>
HWY_INLINE double CrossEntropyRows(std::size_t rows,
                                   std::size_t classes,
                                   const std::int64_t* targets,
                                   Real scale,
                                   Real* logits) {
  const Tag<Real> d;
  double loss = 0.0;
  for (std::size_t r = 0; r < rows; ++r) {
    Real* row = logits + r * classes;
    const auto target = static_cast<std::size_t>(targets[r]);
    const Real shift = Largest(classes, row);
    const Real of_target = row[target] - shift;
    const Real total = Exponentials(classes, row, shift, row);
    loss += static_cast<double>(LogOf(total) - of_target);
    const auto factor = hn::Set(d, scale / total);
    ForEachVector<Real>(
        classes, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
          StoreAt<kPartial>(hn::Mul(factor, LoadAt<kPartial>(row + i, width)),
                            row + i,
                            width);
        });
    row[target] -= scale;
  }
  return loss;
}

template <class Real>
HWY_INLINE void PredictRows(std::size_t rows,
                            std::size_t classes,
                            const std::int64_t* targets,
                            const Real* logits,
                            float* losses,
                            std::int64_t* predicted,
                            float* second) {
  const Tag<Real> d;
  for (std::size_t r = 0; r < rows; ++r) {
    const Real* row = logits + r * classes;
    std::size_t best = 0;
    for (std::size_t c = 1; c < classes; ++c) {
      if (row[c] > row[best]) best = c;
    }
    const Real shift = row[best];
    auto sum = hn::Zero(d);
    ForEachVector<Real>(
        classes, [&]<bool kPartial>(std::size_t i, std::size_t width) HWY_ATTR {
          auto value = hn::Exp(
              d, hn::Sub(LoadAt<kPartial>(row + i, width), hn::Set(d, shift)));
          if constexpr (kPartial) {
            value = hn::IfThenElseZero(hn::FirstN(d, width), value);
          }
          sum = hn::Add(sum, value);
        });
    const Real total = hn::GetLane(hn::SumOfLanes(d, sum));
    predicted[r] = static_cast<std::int64_t>(best);
    losses[r] = static_cast<float>(
        LogOf(total) - (row[static_cast<std::size_t>(targets[r])] - shift));
    if (second != nullptr) {
      const Real one = hn::GetLane(hn::Exp(d, hn::Set(d, row[1] - shift)));
      second[r] = static_cast<float>(one / total);
    }
  }
}

// One name for each number type: only functions can be exported, not templates.
#define FEDTORCH_KERNEL(Real, Bits)                                           \
  void Activate##Bits(Activation f, std::size_t n, const Real* x, Real* y) {  \
    ActivateAll(f, n, x, y);                                                  \
  }                                                                           \
  void ActivateBackward##Bits(                                                \
      Activation f, std::size_t n, const Real* y, const Real* dy, Real* dx) { \
    ActivateAllBackward(f, n, y, dy, dx);                                     \
  }                                                                           \
  void LstmForward##Bits(const LstmCells<Real>& cells,                        \
                         const Real* before,                                  \
                         Real* c,                                             \
                         Real* h,                                             \
                         std::size_t h_stride) {                              \
    LstmForwardRows(cells, before, c, h, h_stride);                           \
  }                                                                           \
  void LstmBackward##Bits(const LstmCells<Real>& cells,                       \
                          const Real* before,                                 \
                          const Real* c,                                      \
                          const Real* dh,                                     \
                          Real* dc) {                                         \
    LstmBackwardRows(cells, before, c, dh, dc);                               \
  }                                                                           \
  double SoftmaxCrossEntropy##Bits(std::size_t rows,                          \
                                   std::size_t classes,                       \
                                   const std::int64_t* targets,               \
                                   Real scale,                                \
                                   Real* logits) {                            \
    return CrossEntropyRows(rows, classes, targets, scale, logits);           \
  }                                                                           \
  void SoftmaxPredict##Bits(std::size_t rows,                                 \
                            std::size_t classes,                              \
                            const std::int64_t* targets,                      \
                            const Real* logits,                               \
                            float* losses,                                    \
                            std::int64_t* predicted,                          \
                            float* second) {                                  \
    PredictRows(rows, classes, targets, logits, losses, predicted, second);   \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

#define FEDTORCH_KERNEL(Real, Bits)                                         \
  HWY_EXPORT(Activate##Bits);                                               \
  HWY_EXPORT(ActivateBackward##Bits);                                       \
  HWY_EXPORT(LstmForward##Bits);                                            \
  HWY_EXPORT(LstmBackward##Bits);                                           \
  HWY_EXPORT(SoftmaxCrossEntropy##Bits);                                    \
  HWY_EXPORT(SoftmaxPredict##Bits);                                         \
  template <>                                                               \
  void Activate(Activation f, std::size_t size, const Real* x, Real* y) {   \
    HWY_DYNAMIC_DISPATCH(Activate##Bits)(f, size, x, y);                    \
  }                                                                         \
  template <>                                                               \
  void ActivateBackward(Activation f,                                       \
                        std::size_t size,                                   \
                        const Real* y,                                      \
                        const Real* dy,                                     \
                        Real* dx) {                                         \
    HWY_DYNAMIC_DISPATCH(ActivateBackward##Bits)(f, size, y, dy, dx);       \
  }                                                                         \
  template <>                                                               \
  void LstmForward(const LstmCells<Real>& cells,                            \
                   const Real* before,                                      \
                   Real* c,                                                 \
                   Real* h,                                                 \
                   std::size_t h_stride) {                                  \
    HWY_DYNAMIC_DISPATCH(LstmForward##Bits)(cells, before, c, h, h_stride); \
  }                                                                         \
  template <>                                                               \
  void LstmBackward(const LstmCells<Real>& cells,                           \
                    const Real* before,                                     \
                    const Real* c,                                          \
                    const Real* dh,                                         \
                    Real* dc) {                                             \
    HWY_DYNAMIC_DISPATCH(LstmBackward##Bits)(cells, before, c, dh, dc);     \
  }                                                                         \
  template <>                                                               \
  double SoftmaxCrossEntropy(std::size_t rows,                              \
                             std::size_t classes,                           \
                             const std::int64_t* targets,                   \
                             Real scale,                                    \
                             Real* logits) {                                \
    return HWY_DYNAMIC_DISPATCH(SoftmaxCrossEntropy##Bits)(                 \
        rows, classes, targets, scale, logits);                             \
  }                                                                         \
  template <>                                                               \
  void SoftmaxPredict(std::size_t rows,                                     \
                      std::size_t classes,                                  \
                      const std::int64_t* targets,                          \
                      const Real* logits,                                   \
                      float* losses,                                        \
                      std::int64_t* predicted,                              \
                      float* second) {                                      \
    HWY_DYNAMIC_DISPATCH(SoftmaxPredict##Bits)                              \
    (rows, classes, targets, logits, losses, predicted, second);            \
  }
FEDTORCH_KERNEL(float, 32)
FEDTORCH_KERNEL(double, 64)
#undef FEDTORCH_KERNEL

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
