#pragma once

#include "fedtorch/algorithm/method.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/kernel/vectors.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::algorithm {

/// Trains from the current local weights and fills `update.result`,
/// `update.delta` = local - global, [d], and its norm. A client that takes no
/// step sends a zero delta. Cost: the local work and one pass over d.
template <class Real>
void TrainAndFillDelta(ClientContext<Real>& context,
                       const client::Correction<Real>& correction) {
  context.update.result = context.problem.Train(correction);
  const std::span<const Real> local = context.problem.weights();
  const std::span<const Real> global = context.global;
  FEDTORCH_CHECK(local.size() == global.size(),
                 "local and global model differ in size");
  std::vector<Real>& delta = context.update.delta;
  delta.resize(global.size());
  context.update.delta_norm = std::sqrt(kernel::Subtract(
      local.data(), global.data(), delta.size(), delta.data()));
}

/// Does the same for a method that has no further use for the delta: where the
/// caller can take it and its norm from the weights, they stay there, which
/// spares a pass over d.
template <class Real>
void TrainAndLeaveDelta(ClientContext<Real>& context,
                        const client::Correction<Real>& correction) {
  if (!context.may_leave_delta) {
    TrainAndFillDelta(context, correction);
    return;
  }
  context.update.result = context.problem.Train(correction);
  context.update.in_weights = true;
}

/// Returns this client's stored vector, [d], or zeros at its first round.
template <class Real>
std::vector<Real> StoredOrZeros(const ClientContext<Real>& context,
                                const std::string& name) {
  const auto stored = context.state.find(name);
  if (stored == context.state.end()) {
    return std::vector<Real>(context.global.size(), Real{0});
  }
  FEDTORCH_CHECK(stored->second.size() == context.global.size(),
                 "the stored vector '" + name + "' has the wrong size");
  return stored->second;
}

/// Returns a vector that came with the model, [d]. Throws: Bug when it did not.
template <class Real>
std::span<const Real> Received(const ClientContext<Real>& context,
                               const std::string& name) {
  const auto sent = context.broadcast.find(name);
  FEDTORCH_CHECK(sent != context.broadcast.end(),
                 "the vector '" + name + "' was not sent with the model");
  FEDTORCH_CHECK(sent->second.size() == context.global.size(),
                 "the vector '" + name + "' has the wrong size");
  return sent->second;
}

}  // namespace fedtorch::algorithm
