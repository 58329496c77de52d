#pragma once

#include <cstddef>
#include <cstdint>

namespace fedtorch::kernel {

/// Elementwise functions that a network applies between its products.
enum class Activation { kRelu, kTanh, kSigmoid };

/// y = f(x) over `size` values; x may be y. NaN stays NaN.
/// Error: at most 4 ulp for tanh and sigmoid (Highway's contrib/math).
template <class Real>
void Activate(Activation f, std::size_t size, const Real* x, Real* y);

/// dx = dy * f'(x) where f' is known from y = f(x); dx may be dy.
template <class Real>
void ActivateBackward(
    Activation f, std::size_t size, const Real* y, const Real* dy, Real* dx);

/// Describes the inner state of LSTM cells, one row a sample. The gates lie
/// side by side as [input | forget | cell | output], each `hidden` wide.
/// Source: Hochreiter and Schmidhuber 1997; forget gates: Gers et al. 2000.
template <class Real>
struct LstmCells {
  std::size_t rows = 0;
  std::size_t hidden = 0;
  Real* gates = nullptr;  ///< [rows, 4 hidden]
  std::size_t gates_stride = 0;
};

/// Turns pre-activations into gates in place, and
///   c = f * c_before + i * g,   h = o * tanh(c).
/// `before` is null for the first position, where it is zero.
template <class Real>
void LstmForward(const LstmCells<Real>& cells,
                 const Real* before,  ///< [rows, hidden]
                 Real* c,             ///< [rows, hidden]
                 Real* h,             ///< [rows, .], row stride h_stride
                 std::size_t h_stride);

/// Turns gates into gradients of the pre-activations, given dh and dc; dc
/// becomes the gradient of the cell state one position earlier.
template <class Real>
void LstmBackward(const LstmCells<Real>& cells,
                  const Real* before,  ///< as in LstmForward
                  const Real* c,
                  const Real* dh,  ///< [rows, hidden]
                  Real* dc);       ///< [rows, hidden], in and out

/// Softmax cross entropy of `rows` rows of `classes` logits in nats:
/// turns logits into (softmax - onehot(target)) * scale and returns the sum of
/// the losses. Targets must lie in [0, classes).
template <class Real>
double SoftmaxCrossEntropy(std::size_t rows,
                           std::size_t classes,
                           const std::int64_t* targets,
                           Real scale,
                           Real* logits);

/// Writes losses and predictions of the rows and leaves the logits alone. The
/// lowest class wins ties. `second` [rows] gets the probability of class 1 and
/// may be null.
template <class Real>
void SoftmaxPredict(std::size_t rows,
                    std::size_t classes,
                    const std::int64_t* targets,
                    const Real* logits,
                    float* losses,
                    std::int64_t* predicted,
                    float* second);

}  // namespace fedtorch::kernel
