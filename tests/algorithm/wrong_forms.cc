#include "tests/algorithm/wrong_forms.h"

#include <cmath>
#include <cstddef>

namespace fedtorch::algorithm {
namespace {

template <class Real>
std::vector<Real> Stored(const ClientContext<Real>& context,
                         const std::string& name) {
  const auto found = context.state.find(name);
  return found == context.state.end()
             ? std::vector<Real>(context.global.size(), Real{0})
             : found->second;
}

template <class Real>
void FillDelta(ClientContext<Real>& context) {
  const std::span<const Real> local = context.problem.weights();
  context.update.delta.resize(local.size());
  for (std::size_t j = 0; j < local.size(); ++j) {
    context.update.delta[j] = local[j] - context.global[j];
  }
}

}  // namespace

template <class Real>
void WrongScaffold::Train(ClientContext<Real>& context) const {
  const std::size_t size = context.global.size();
  const std::vector<Real>& mean = context.broadcast.at("control");
  std::vector<Real> control = Stored(context, "control");
  std::vector<Real> linear(size);
  for (std::size_t j = 0; j < size; ++j) linear[j] = mean[j] - control[j];
  const Real lr = static_cast<Real>(context.problem.learning_rate());
  if (mistake_ == ScaffoldMistake::kMomentumOutside) {
    std::vector<Real> gradient(size);
    std::vector<Real> buffer(size, Real{0});
    const std::span<Real> local = context.problem.weights();
    for (std::int64_t step = 0; step < steps_; ++step) {
      context.problem.FullGradient(gradient);
      for (std::size_t j = 0; j < size; ++j) {
        buffer[j] = static_cast<Real>(momentum_) * buffer[j] + gradient[j];
        local[j] -= lr * (buffer[j] + linear[j]);
      }
    }
    context.update.result.steps = steps_;
  } else {
    client::Correction<Real> correction;
    correction.linear = linear;
    context.update.result = context.problem.Train(correction);
  }
  FillDelta(context);
  const Real sign =
      mistake_ == ScaffoldMistake::kStoredWithTurnedSign ? Real{1} : Real{-1};
  const Real scale = sign / (static_cast<Real>(steps_) * lr);
  std::vector<Real>& change = context.update.extra["change"];
  change.resize(size);
  for (std::size_t j = 0; j < size; ++j) {
    change[j] = scale * context.update.delta[j] - mean[j];
    control[j] += change[j];
  }
  if (mistake_ != ScaffoldMistake::kNeverStored) {
    context.update.state["control"] = control;
  }
}

void WrongScaffold::Server(ServerContext& context) {
  context.optimizer.Step(context.model, context.aggregate);
  const std::vector<double>& sum = context.extra_sums.at("change");
  for (std::size_t j = 0; j < sum.size(); ++j) {
    control_[j] += sum[j] / static_cast<double>(context.num_clients);
  }
}

// Everything in the form with h_i = -g_i / alpha, in which the local gradient
// is g + alpha * (y - x) + alpha * h_i.
template <class Real>
void WrongFedDyn::Train(ClientContext<Real>& context) const {
  const std::size_t size = context.global.size();
  const Real alpha = static_cast<Real>(alpha_);
  std::vector<Real> offset = Stored(context, "offset");
  std::vector<Real> linear(size);
  for (std::size_t j = 0; j < size; ++j) linear[j] = alpha * offset[j];
  client::Correction<Real> correction;
  correction.linear = linear;
  switch (mistake_) {
    case FedDynMistake::kDetached:
      context.update.result = context.problem.Train(client::Correction<Real>{});
      break;
    case FedDynMistake::kWithoutAlphaTheta:
      for (std::size_t j = 0; j < size; ++j) {
        linear[j] -= alpha * context.global[j];
      }
      context.update.result = context.problem.Train(correction);
      break;
    case FedDynMistake::kTurnedDualStep:
      correction.prox = alpha_;
      correction.anchor = context.global;
      context.update.result = context.problem.Train(correction);
      break;
    case FedDynMistake::kUnsquaredNorm: {
      const std::span<Real> local = context.problem.weights();
      const Real lr = static_cast<Real>(context.problem.learning_rate());
      std::vector<Real> gradient(size);
      for (std::int64_t step = 0; step < steps_; ++step) {
        context.problem.FullGradient(gradient);
        Real square = 0;
        for (std::size_t j = 0; j < size; ++j) {
          const Real distance = local[j] - context.global[j];
          square += distance * distance;
        }
        const Real pull =
            square > 0 ? alpha / (Real{2} * std::sqrt(square)) : Real{0};
        for (std::size_t j = 0; j < size; ++j) {
          local[j] -= lr * (gradient[j] + linear[j] +
                            pull * (local[j] - context.global[j]));
        }
      }
      context.update.result.steps = steps_;
      break;
    }
  }
  FillDelta(context);
  std::vector<Real>& sent = context.update.extra["sent"];
  sent.resize(size);
  const bool turned = mistake_ == FedDynMistake::kTurnedDualStep;
  const Real step = turned ? -alpha : Real{1};
  for (std::size_t j = 0; j < size; ++j) {
    const Real change = step * context.update.delta[j];
    offset[j] += change;
    sent[j] = turned ? offset[j] : change;
  }
  context.update.state["offset"] = offset;
}

void WrongFedDyn::Server(ServerContext& context) {
  const std::vector<double>& sum = context.extra_sums.at("sent");
  const bool turned = mistake_ == FedDynMistake::kTurnedDualStep;
  const double count = static_cast<double>(
      turned ? static_cast<std::int64_t>(context.cohort.size())
             : context.num_clients);
  for (std::size_t j = 0; j < sum.size(); ++j) {
    mean_[j] = (turned ? 0.0 : mean_[j]) + sum[j] / count;
  }
  std::vector<double> direction(context.aggregate.begin(),
                                context.aggregate.end());
  for (std::size_t j = 0; j < direction.size(); ++j) direction[j] += mean_[j];
  context.optimizer.Step(context.model, direction);
}

template <class Real>
void FedNovaByStepCount::Train(ClientContext<Real>& context) const {
  context.update.result = context.problem.Train(client::Correction<Real>{});
  FillDelta(context);
  for (Real& entry : context.update.delta) {
    entry /= static_cast<Real>(context.update.result.steps);
  }
}

void FedNovaByStepCount::Server(ServerContext& context) {
  double steps = 0.0;
  for (const Contribution& contribution : context.cohort) {
    steps +=
        contribution.weight * static_cast<double>(contribution.result.steps);
  }
  std::vector<double> direction(context.aggregate.begin(),
                                context.aggregate.end());
  for (double& entry : direction) entry *= steps;
  context.optimizer.Step(context.model, direction);
}

template void WrongScaffold::Train(ClientContext<float>&) const;
template void WrongScaffold::Train(ClientContext<double>&) const;
template void WrongFedDyn::Train(ClientContext<float>&) const;
template void WrongFedDyn::Train(ClientContext<double>&) const;
template void FedNovaByStepCount::Train(ClientContext<float>&) const;
template void FedNovaByStepCount::Train(ClientContext<double>&) const;

}  // namespace fedtorch::algorithm
