#pragma once

#include <cstddef>

namespace fedtorch::kernel {

/// Counts rows on three levels: images of a batch, lines of an image, pixels
/// of a line. A plain matrix has one image of one line.
struct Extent {
  std::size_t images = 1;
  std::size_t lines = 1;
  std::size_t rows = 0;

  std::size_t count() const { return images * lines * rows; }
};

/// Views rows in memory: row (i, l, r) starts at
/// data + i * image_stride + l * line_stride + r * row_stride.
/// Strides count values, not bytes.
template <class Real>
struct Rows {
  Real* data = nullptr;
  std::size_t row_stride = 0;
  std::size_t line_stride = 0;
  std::size_t image_stride = 0;
};

/// Describes y = x W + bias over rows, the forward product of a dense layer,
/// and of a convolution, whose window is `segments` runs of `depth` values:
///   y[row, n] = start + sum_s sum_k x[row][s * segment_stride + k]
///                                 * w[(s * depth + k) * columns + n]
/// with start = bias[n], 0 where bias is null, or the old y where `accumulate`.
/// With a line of an image stored by row, column, channel, a window of k x k
/// pixels over c channels is k segments of k * c values.
template <class Real>
struct ForwardProduct {
  Extent extent;
  Rows<const Real> x;
  std::size_t segments = 1;
  std::size_t segment_stride = 0;
  std::size_t depth = 0;
  const Real* w = nullptr;  ///< [segments * depth, columns]
  std::size_t columns = 0;
  const Real* bias = nullptr;  ///< [columns] or null
  Rows<Real> y;
  bool accumulate = false;
  bool relu = false;  ///< y = max(y, 0)
};

/// How a product of gradients enters the weights; see UpdateProduct.
template <class Real>
struct Update {
  enum class Form {
    kAdd,       ///< w = start + p
    kAffine,    ///< w = keep * w + to_anchor * anchor + to_linear * linear + p
    kMomentum,  ///< v = momentum * v + p + decay * w
                ///<     + prox * (w - anchor) + linear;  w -= lr * v
  };
  Form form = Form::kAdd;
  Real keep = 1, to_anchor = 0, to_linear = 0;     ///< kAffine
  Real momentum = 0, decay = 0, prox = 0, lr = 0;  ///< kMomentum
  const Real* start = nullptr;   ///< like w, kAdd; null = w itself
  const Real* anchor = nullptr;  ///< like w; null where its factor is 0
  const Real* linear = nullptr;  ///< like w; null = none
  Real* velocity = nullptr;      ///< like w; kMomentum
};

/// Describes the weight gradient p = x^T d with the step folded in:
///   p[s * depth + k, n] = sum_rows x[row][s * segment_stride + k] * d[row][n]
/// which enters w [segments * depth, columns] as `update` says. The gradient
/// itself is never stored; scale d by -lr first for kAdd and kAffine.
template <class Real>
struct UpdateProduct {
  Extent extent;
  Rows<const Real> x;
  std::size_t segments = 1;
  std::size_t segment_stride = 0;
  std::size_t depth = 0;
  Rows<const Real> d;
  std::size_t columns = 0;
  Real* w = nullptr;
  Update<Real> update;
};

/// Describes dx = d W^T, the input gradient of a dense layer:
///   dx[m, k] = factor(m, k) * sum_n d[m, n] * w[k, n]
/// with factor = scale where mask[m, k] > 0 and 0 elsewhere, or 1 without a
/// mask. The mask is the layer's own input: after a ReLU with dropout it is
/// positive exactly where the gradient passes.
template <class Real>
struct BackwardProduct {
  std::size_t rows = 0;     ///< m
  std::size_t columns = 0;  ///< n, summed over
  std::size_t depth = 0;    ///< k
  const Real* d = nullptr;  ///< [rows, columns]
  std::size_t d_stride = 0;
  const Real* w = nullptr;  ///< [depth, columns]
  Real* dx = nullptr;       ///< [rows, depth]
  std::size_t dx_stride = 0;
  const Real* mask = nullptr;  ///< [rows, depth], strides of dx; or null
  Real scale = 1;
  bool accumulate = false;  ///< dx += instead of dx =; not with a mask
};

/// Compute the products. Sums run over k, or over rows, in ascending order
/// with fused multiply-adds, in one or several partial sums that depend on the
/// shape and the instruction set only: equal calls give equal bits.
/// Error of an entry: at most (terms + 2) * eps * sum |x| |w|.
/// Cost: 2 * rows * depth * columns FLOP each; no memory is allocated.
/// Threads: safe where the outputs are disjoint.
template <class Real>
void Multiply(const ForwardProduct<Real>& product);
template <class Real>
void Multiply(const UpdateProduct<Real>& product);
template <class Real>
void Multiply(const BackwardProduct<Real>& product);

}  // namespace fedtorch::kernel
