#include "tests/support/quadratic_problem.h"

#include "fedtorch/core/stream.h"

#include <cmath>
#include <limits>

namespace fedtorch::support {

std::vector<double> Quadratic::Gradient(std::span<const double> x) const {
  std::vector<double> gradient(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) {
    gradient[j] = curvature[j] * (x[j] - optimum[j]);
  }
  return gradient;
}

std::vector<Quadratic> DrawQuadratics(std::uint64_t seed,
                                      std::size_t count,
                                      std::size_t size) {
  core::Stream stream = core::Stream::Named(seed, "test/quadratics");
  std::vector<Quadratic> objectives(count);
  for (std::size_t i = 0; i < count; ++i) {
    objectives[i].samples = static_cast<std::int64_t>(i) + 1;
    for (std::size_t j = 0; j < size; ++j) {
      objectives[i].curvature.push_back(0.2 + 1.8 * stream.Uniform());
      objectives[i].optimum.push_back(3.0 * stream.Normal());
    }
  }
  return objectives;
}

std::vector<double> MeanOptimum(const std::vector<Quadratic>& objectives) {
  const std::size_t size = objectives.front().curvature.size();
  std::vector<double> optimum(size);
  for (std::size_t j = 0; j < size; ++j) {
    double pull = 0.0;
    double stiffness = 0.0;
    for (const Quadratic& objective : objectives) {
      pull += objective.curvature[j] * objective.optimum[j];
      stiffness += objective.curvature[j];
    }
    optimum[j] = pull / stiffness;
  }
  return optimum;
}

double ClosedFormANorm(const LocalWork& work, double prox) {
  const int terms =
      (work.momentum != 0.0) + (prox != 0.0) + (work.decay != 1.0);
  const double tau = static_cast<double>(work.steps);
  if (terms > 1) return std::numeric_limits<double>::quiet_NaN();
  if (work.momentum != 0.0) {
    const double rho = work.momentum;
    return (tau - rho * (1.0 - std::pow(rho, tau)) / (1.0 - rho)) / (1.0 - rho);
  }
  if (prox != 0.0) {
    const double pull = work.lr * prox;
    return (1.0 - std::pow(1.0 - pull, tau)) / pull;
  }
  if (work.decay != 1.0) {
    return (1.0 - std::pow(work.decay, tau)) / (1.0 - work.decay);
  }
  return tau;
}

template <class Real>
QuadraticProblem<Real>::QuadraticProblem(const Quadratic& objective,
                                         const LocalWork& work,
                                         std::span<const Real> start)
    : objective_(objective),
      work_(work),
      weights_(start.begin(), start.end()) {}

template <class Real>
client::LocalResult QuadraticProblem<Real>::Train(
    const client::Correction<Real>& correction) {
  prox_ = correction.prox;
  anchor_.assign(correction.anchor.begin(), correction.anchor.end());
  linear_.assign(correction.linear.begin(), correction.linear.end());
  client::LocalResult result;
  result.lr = work_.lr;
  result.steps = work_.steps;
  result.examples = work_.steps * objective_.samples;
  if (work_.exact) {
    result.loss = Loss();
    result.a_norm = std::numeric_limits<double>::quiet_NaN();
    JumpToMinimiser();
    return result;
  }
  result.a_norm = ClosedFormANorm(work_, prox_);
  std::vector<double> buffer(weights_.size(), 0.0);
  double lr = work_.lr;
  for (std::int64_t step = 0; step < work_.steps; ++step) {
    result.loss += Loss() / static_cast<double>(work_.steps);
    Step(buffer, lr);
    lr *= work_.decay;
  }
  return result;
}

template <class Real>
void QuadraticProblem<Real>::Step(std::vector<double>& buffer, double lr) {
  for (std::size_t j = 0; j < weights_.size(); ++j) {
    const double weight = static_cast<double>(weights_[j]);
    double gradient =
        objective_.curvature[j] * (weight - objective_.optimum[j]);
    if (prox_ != 0.0) {
      gradient += prox_ * (weight - static_cast<double>(anchor_[j]));
    }
    if (!linear_.empty()) gradient += static_cast<double>(linear_[j]);
    buffer[j] = work_.momentum * buffer[j] + gradient;
    weights_[j] = static_cast<Real>(weight - lr * buffer[j]);
  }
}

template <class Real>
void QuadraticProblem<Real>::JumpToMinimiser() {
  for (std::size_t j = 0; j < weights_.size(); ++j) {
    double pull = objective_.curvature[j] * objective_.optimum[j];
    if (prox_ != 0.0) pull += prox_ * static_cast<double>(anchor_[j]);
    if (!linear_.empty()) pull -= static_cast<double>(linear_[j]);
    weights_[j] = static_cast<Real>(pull / (objective_.curvature[j] + prox_));
  }
}

template <class Real>
double QuadraticProblem<Real>::Loss() const {
  double loss = 0.0;
  for (std::size_t j = 0; j < weights_.size(); ++j) {
    const double distance =
        static_cast<double>(weights_[j]) - objective_.optimum[j];
    loss += 0.5 * objective_.curvature[j] * distance * distance;
  }
  return loss;
}

template <class Real>
double QuadraticProblem<Real>::FullGradient(std::span<Real> out) {
  for (std::size_t j = 0; j < weights_.size(); ++j) {
    out[j] = static_cast<Real>(
        objective_.curvature[j] *
        (static_cast<double>(weights_[j]) - objective_.optimum[j]));
  }
  return Loss();
}

template class QuadraticProblem<float>;
template class QuadraticProblem<double>;

}  // namespace fedtorch::support
