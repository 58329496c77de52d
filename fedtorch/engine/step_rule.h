#pragma once

#include <cstddef>
#include <span>

namespace fedtorch::engine {

/// Holds one step of local stochastic gradient descent on flat parameters,
/// with g the mean gradient of the batch after clipping:
///   h = g + weight_decay * w + prox * (w - anchor) + linear
///   v = momentum * v + h        (v = h without momentum)
///   w = w - lr * v
/// FedProx, SCAFFOLD and FedDyn are values of `prox`, `anchor` and `linear`.
template <class Real>
struct StepRule {
  double lr = 0.0;            ///< > 0
  double momentum = 0.0;      ///< [0, 1)
  double weight_decay = 0.0;  ///< >= 0, L2 penalty weight_decay / 2 * |w|^2
  double prox = 0.0;          ///< >= 0
  std::span<const Real> anchor{};
  std::span<const Real> linear{};
  /// > 0: g is scaled to at most this L2 norm; 0 = not clipped.
  double max_gradient_norm = 0.0;
  /// > 0: the gradient of each example's loss is scaled to at most this L2
  /// norm before the mean is taken (Abadi et al. 2016, algorithm 1); 0 = not.
  double max_example_norm = 0.0;
};

/// Returns the factor that brings a vector of L2 norm `norm` to at most `max`;
/// 1 when max is 0 or the norm is not a number.
inline double ClipFactor(double norm, double max) {
  return max > 0.0 && norm > max ? max / norm : 1.0;
}

/// Applies one step to a slice of the parameters that starts at `offset`.
/// `velocity` is the slice's momentum buffer, null without momentum.
/// Cost: one pass over the slice. Threads: safe on disjoint slices.
template <class Real>
void ApplyStep(const StepRule<Real>& rule,
               const Real* gradient,
               std::size_t offset,
               std::size_t size,
               Real* weights,
               Real* velocity) {
  const Real decay = static_cast<Real>(rule.weight_decay);
  const Real prox = static_cast<Real>(rule.prox);
  const Real lr = static_cast<Real>(rule.lr);
  const Real momentum = static_cast<Real>(rule.momentum);
  const Real* anchor = rule.prox != 0.0 ? rule.anchor.data() + offset : nullptr;
  const Real* linear =
      rule.linear.empty() ? nullptr : rule.linear.data() + offset;
  for (std::size_t i = 0; i < size; ++i) {
    Real step = gradient[i] + decay * weights[i];
    if (anchor != nullptr) step += prox * (weights[i] - anchor[i]);
    if (linear != nullptr) step += linear[i];
    if (velocity != nullptr) {
      step += momentum * velocity[i];
      velocity[i] = step;
    }
    weights[i] -= lr * step;
  }
}

/// Follows how far the local solver moves against a constant unit gradient;
/// in units of the learning rate this is ||a||_1 of FedNova (Wang 2020): the
/// number of steps for plain SGD, (tau - rho (1 - rho^tau) / (1 - rho)) /
/// (1 - rho) with momentum rho, (1 - (1 - lr mu)^tau) / (lr mu) with a proximal
/// term mu. Weight decay is left out, as in the published code.
class SolverNorm {
 public:
  /// Advances by one step with the step's lr, momentum and prox.
  void Step(double lr, double momentum, double prox) {
    velocity_ = momentum * velocity_ + 1.0 - prox * distance_;
    distance_ += lr * velocity_;
  }
  /// ||a||_1 with respect to `lr`; 0 before the first step.
  double Value(double lr) const { return distance_ / lr; }

 private:
  double velocity_ = 0.0;
  double distance_ = 0.0;
};

}  // namespace fedtorch::engine
