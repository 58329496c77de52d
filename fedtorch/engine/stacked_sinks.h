#pragma once

#include "fedtorch/engine/stacked_layers.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace fedtorch::engine {

/// Views one value a client, [K], as [K, 1, ...] of `dimensions` dimensions.
at::Tensor Beside(const at::Tensor& values, std::int64_t dimensions);

/// Holds the terms that step rules add to gradients, for all clients of a
/// stack, sorted like its rows. A term that no client has is undefined and
/// costs nothing.
struct StackedCorrections {
  at::Tensor lr;      ///< [K], always there
  at::Tensor decay;   ///< [K]
  at::Tensor prox;    ///< [K]
  at::Tensor anchor;  ///< [K, d], or [1, d] when all share one
  at::Tensor linear;  ///< [K, d]

  bool any() const {
    return decay.defined() || prox.defined() || linear.defined();
  }
  /// decay * w + prox * (w - anchor) + linear of the first clients, `weights`
  /// [clients, size] being their columns from `offset` on. Requires: any().
  at::Tensor Of(const at::Tensor& weights, std::int64_t offset) const;
};

/// Moves the weights at once: w <- w - lr * corrections - gradient. The deltas
/// it gets are scaled by each client's learning rate already, for a product
/// has one factor for all clients.
class FusedUpdate final : public GradientSink {
 public:
  FusedUpdate(const StackedPass& pass, const StackedCorrections& corrections)
      : pass_(pass), corrections_(corrections) {}

  void Product(const model::TensorEntry& entry,
               const at::Tensor& x,
               const at::Tensor& delta) override;
  void RowSum(const model::TensorEntry& entry,
              const at::Tensor& terms) override;
  void Lookup(const model::TensorEntry& entry,
              const at::Tensor& tokens,
              const at::Tensor& delta) override;

 private:
  at::Tensor Corrected(const model::TensorEntry& entry,
                       std::vector<std::int64_t> shape) const;

  const StackedPass& pass_;
  const StackedCorrections& corrections_;
};

/// Writes the gradients of all clients of a pass, [K, d].
class GradientBuffer final : public GradientSink {
 public:
  explicit GradientBuffer(const StackedPass& pass);

  const at::Tensor& gradients() const { return gradients_; }

  void Product(const model::TensorEntry& entry,
               const at::Tensor& x,
               const at::Tensor& delta) override;
  void RowSum(const model::TensorEntry& entry,
              const at::Tensor& terms) override;
  void Lookup(const model::TensorEntry& entry,
              const at::Tensor& tokens,
              const at::Tensor& delta) override;

 private:
  at::Tensor Columns(const model::TensorEntry& entry,
                     std::vector<std::int64_t> shape) const;

  at::Tensor gradients_;
};

/// Finds the norm of every example's own gradient without keeping gradients:
/// |x^T delta|^2 is the sum of the products of (x x^T) and (delta delta^T),
/// which is smaller where an example has few rows. Source: performance 2.4.
class ExampleNorms final : public GradientSink {
 public:
  /// `batch`: examples a client, padding counted.
  ExampleNorms(const StackedPass& pass, std::int64_t batch);

  /// L2, [K, batch].
  at::Tensor Norms() const { return squares_.sqrt(); }

  void Product(const model::TensorEntry& entry,
               const at::Tensor& x,
               const at::Tensor& delta) override;
  void RowSum(const model::TensorEntry& entry,
              const at::Tensor& terms) override;
  void Lookup(const model::TensorEntry& entry,
              const at::Tensor& tokens,
              const at::Tensor& delta) override;

 private:
  at::Tensor Examples(const at::Tensor& rows) const;
  void Add(const at::Tensor& terms);

  std::int64_t batch_;
  at::Tensor squares_;
};

}  // namespace fedtorch::engine
