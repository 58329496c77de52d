#pragma once

#include "fedtorch/client/local_problem.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::support {

/// Is one client's objective f(x) = 1/2 sum_j curvature_j (x_j - optimum_j)^2,
/// for which everything a training method does has a closed form.
struct Quadratic {
  std::vector<double> curvature;  ///< [d], >= 0
  std::vector<double> optimum;    ///< [d]
  std::int64_t samples = 1;       ///< n_i, for weights only

  /// Returns curvature * (x - optimum).
  std::vector<double> Gradient(std::span<const double> x) const;
};

/// Draws `count` objectives of dimension `size`: curvature ~ U(.2, 2),
/// optimum = 3 N(0, 1), samples = 1, ..., count.
std::vector<Quadratic> DrawQuadratics(std::uint64_t seed,
                                      std::size_t count,
                                      std::size_t size);

/// Returns the minimiser of the mean objective, per coordinate
/// sum_i a_i b_i / sum_i a_i.
std::vector<double> MeanOptimum(const std::vector<Quadratic>& objectives);

/// Is the local work of one client: `steps` full-gradient steps of
/// buffer = momentum * buffer + g; y -= lr * decay^k * buffer.
struct LocalWork {
  double lr = 0.1;
  std::int64_t steps = 5;
  double momentum = 0.0;
  double decay = 1.0;
  /// Jumps to the minimiser of objective + correction instead of stepping.
  bool exact = false;
};

/// Returns ||a||_1 of the local work by its closed form (Wang et al. 2020):
/// plain tau; momentum (tau - rho (1 - rho^tau) / (1 - rho)) / (1 - rho);
/// proximal (1 - (1 - eta mu)^tau) / (eta mu); decaying (1 - q^tau) / (1 - q).
/// NaN where two of them meet, since no method here may read it then.
double ClosedFormANorm(const LocalWork& work, double prox);

/// Lets a training method work on a quadratic. `Real` is the type of weights
/// and gradients; the objective is float64.
template <class Real>
class QuadraticProblem final : public client::LocalProblem<Real> {
 public:
  QuadraticProblem(const Quadratic& objective,
                   const LocalWork& work,
                   std::span<const Real> start);

  std::size_t dimension() const override { return weights_.size(); }
  std::int64_t samples() const override { return objective_.samples; }
  std::span<Real> weights() override { return weights_; }
  client::LocalResult Train(
      const client::Correction<Real>& correction) override;
  double FullGradient(std::span<Real> out) override;
  double learning_rate() const override { return work_.lr; }

  /// What the last `Train` was given, copied.
  double prox() const { return prox_; }
  const std::vector<Real>& anchor() const { return anchor_; }
  const std::vector<Real>& linear() const { return linear_; }

 private:
  double Loss() const;
  void JumpToMinimiser();
  void Step(std::vector<double>& buffer, double lr);

  const Quadratic& objective_;
  LocalWork work_;
  std::vector<Real> weights_;
  double prox_ = 0.0;
  std::vector<Real> anchor_;
  std::vector<Real> linear_;
};

extern template class QuadraticProblem<float>;
extern template class QuadraticProblem<double>;

}  // namespace fedtorch::support
