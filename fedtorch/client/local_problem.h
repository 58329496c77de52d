#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::client {

/// Adds prox * (w - anchor) + linear to every local gradient.
///
/// FedProx, SCAFFOLD, FedDyn and their relatives differ from FedAvg on a
/// client by this term only, so they all run on the same fast step. The term
/// is part of the gradient: it goes through the momentum buffer.
template <class Real>
struct Correction {
  double prox = 0.0;               ///< >= 0
  std::span<const Real> anchor{};  ///< [d]; used when prox != 0
  std::span<const Real> linear{};  ///< [d]; empty = none
};

/// Reports one client's local training.
struct LocalResult {
  std::int64_t steps = 0;     ///< K_i, optimiser steps taken
  std::int64_t examples = 0;  ///< samples seen, repeats counted
  /// ||a_i||_1: how far the local solver moves against a constant unit
  /// gradient, in units of `lr`. Plain SGD: the number of steps. Momentum,
  /// proximal term and lr schedule inside the round are accounted for.
  double a_norm = 0.0;
  double lr = 0.0;    ///< the learning rate of this round's first step
  double loss = 0.0;  ///< mean training loss over all steps, nats
};

/// Is one client's learning problem as a method sees it: weights that start at
/// the global model, data that stay hidden, and local work whose amount the
/// config decides.
template <class Real>
class LocalProblem {
 public:
  virtual ~LocalProblem() = default;
  virtual std::size_t dimension() const = 0;
  /// n_i, the training samples of this client.
  virtual std::int64_t samples() const = 0;
  /// The current local model [d].
  virtual std::span<Real> weights() = 0;
  /// Runs the configured local work (epochs or steps) from the current
  /// weights; the momentum buffer starts at zero.
  virtual LocalResult Train(const Correction<Real>& correction) = 0;
  /// Writes the mean gradient over all n_i samples at the current weights,
  /// which do not move, and returns the mean loss there, nats. Dropout is off.
  /// Weight decay is not included.
  virtual double FullGradient(std::span<Real> out) = 0;
  /// The learning rate of this round, for methods that step by themselves.
  virtual double learning_rate() const = 0;
};

/// Carries what one client sends back. Everything downstream works on
/// `delta` = local - global, never on raw weights.
template <class Real>
struct Update {
  std::vector<Real> delta;  ///< [d]; unspecified while `in_weights`
  /// Neither delta nor its norm was computed: it is weights - global.
  bool in_weights = false;
  /// L2 norm of delta, from whoever computed it on the way; who changes delta
  /// afterwards unsets it.
  std::optional<double> delta_norm;
  /// Further vectors of the method by name, summed over the admitted clients.
  std::map<std::string, std::vector<Real>> extra;
  /// Per-client vectors to keep; stored only if the update is admitted.
  std::map<std::string, std::vector<Real>> state;
  LocalResult result;
};

}  // namespace fedtorch::client
