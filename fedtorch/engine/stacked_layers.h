#pragma once

#include "fedtorch/model/network.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace fedtorch::engine {

/// Takes the gradients of one backward pass, each parameter exactly once. K is
/// the number of clients in the step and a row is a sample or, where samples
/// have several positions, one of those, sample by sample.
class GradientSink {
 public:
  virtual ~GradientSink() = default;
  /// The gradient is x^T delta; x [K, rows, in], delta [K, rows, out].
  virtual void Product(const model::TensorEntry& entry,
                       const at::Tensor& x,
                       const at::Tensor& delta) = 0;
  /// The gradient is the sum over rows of `terms` [K, rows, size].
  virtual void RowSum(const model::TensorEntry& entry,
                      const at::Tensor& terms) = 0;
  /// Row tokens[k, r] of table k gains delta[k, r]; tokens [K, rows] int64,
  /// delta [K, rows, units].
  virtual void Lookup(const model::TensorEntry& entry,
                      const at::Tensor& tokens,
                      const at::Tensor& delta) = 0;
};

/// Holds what the layers of one pass share.
struct StackedPass {
  at::Tensor weights;  ///< [K, d], the rows of the clients in this step
  /// One a dropout layer, [K, batch, shape...] with 0 and 1 / (1 - rate), a
  /// side of 1 where whole maps are dropped;
  /// empty = dropout is off.
  std::vector<at::Tensor> masks;

  std::int64_t clients() const { return weights.size(0); }
  /// The K tensors of one entry, as a view of `shape` per client.
  at::Tensor Parameter(const model::TensorEntry& entry,
                       std::vector<std::int64_t> shape) const;
};

/// Is one layer over K clients with weights of their own. Samples are columns
/// [K, batch, features], sequences [K, batch, length, features], images by row,
/// column, channel [K, batch, h, w, channels], or tokens [K, batch, length].
/// Between Forward and the next Forward it keeps what Backward needs.
class StackedLayer {
 public:
  virtual ~StackedLayer() = default;
  virtual at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) = 0;
  /// Gives the gradient of the input, undefined unless `wants_input`. It is
  /// computed before the sink is called, since a sink may move the weights.
  virtual at::Tensor Backward(const StackedPass& pass,
                              const at::Tensor& delta,
                              bool wants_input,
                              GradientSink& sink) = 0;
  virtual bool has_parameters() const { return false; }
};

/// [K, b, a] of [K, a, b], as a view.
inline at::Tensor Transposed(const at::Tensor& matrices) {
  return matrices.transpose(1, 2);
}

/// Makes one layer for each that computes something (dropout of rate 0 does
/// not). Requires: StackedObstacle is empty.
std::vector<std::unique_ptr<StackedLayer>> MakeStackedLayers(
    const model::Network& network);

}  // namespace fedtorch::engine
