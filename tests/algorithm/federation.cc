#include "tests/algorithm/federation.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/exact_sum.h"
#include "fedtorch/core/stream.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace fedtorch::algorithm {
namespace {

// Forms that diverge leave the range of the exact sum long before they pass
// the threshold that the tests call divergence.
template <class Real>
std::vector<double> WeightedSum(
    std::size_t size,
    const std::vector<double>& weights,
    const std::vector<std::span<const Real>>& rows) {
  bool admissible = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    admissible &= core::ExactSum::Admissible(weights[i], rows[i]);
  }
  std::vector<double> out(size, 0.0);
  if (admissible) {
    core::ExactSum sum(size);
    for (std::size_t i = 0; i < rows.size(); ++i) sum.Add(weights[i], rows[i]);
    sum.Result(out);
    return out;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      out[j] += weights[i] * static_cast<double>(rows[i][j]);
    }
  }
  return out;
}

}  // namespace

std::unique_ptr<Method> MakeMethod(const std::string& yaml) {
  config::Document document =
      config::Document::FromText("algorithm: " + yaml, "test.yaml");
  config::Section root = document.Root();
  std::unique_ptr<Method> method =
      config::MakeKind(root,
                       {.name = "algorithm", .help = "Training method."},
                       AllKinds(),
                       std::nullopt);
  document.Finish();
  return method;
}

void PlainStep::Step(std::span<double> model, std::span<const double> delta) {
  for (std::size_t j = 0; j < model.size(); ++j) model[j] += lr_ * delta[j];
}

template <class Real>
Federation<Real>::Federation(Method& method,
                             std::vector<support::Quadratic> clients,
                             const support::LocalWork& work)
    : model(clients.front().curvature.size(), 0.0),
      works(clients.size(), work),
      states(clients.size()),
      weighting(method.default_weighting()),
      optimizer(&plain_step_),
      method_(method),
      clients_(std::move(clients)) {
  method_.Start(model.size());
}

template <class Real>
void Federation<Real>::RunClient(std::int64_t client,
                                 std::span<const Real> global,
                                 const Vectors& broadcast) {
  const auto index = static_cast<std::size_t>(client);
  support::QuadraticProblem<Real> problem(
      clients_[index], works[index], global);
  ClientContext<Real> context{
      problem, global, broadcast, states[index], last[client]};
  method_.Client(context);
}

template <class Real>
void Federation<Real>::Round(const std::vector<std::int64_t>& drawn) {
  std::map<std::int64_t, std::int64_t> multiplicity;
  for (const std::int64_t client : drawn) ++multiplicity[client];

  std::vector<Real> global(model.size());
  std::transform(model.begin(), model.end(), global.begin(), [](double value) {
    return static_cast<Real>(value);
  });
  Vectors broadcast;
  for (const auto& [name, vector] : method_.Broadcast()) {
    for (const double value : vector) {
      broadcast[name].push_back(static_cast<Real>(value));
    }
  }
  last.clear();
  for (const auto& [client, count] : multiplicity) {
    RunClient(client, global, broadcast);
  }

  std::vector<aggregate::Weighed> weighed;
  std::vector<Contribution> cohort;
  std::vector<std::span<const Real>> deltas;
  std::map<std::string, std::vector<std::span<const Real>>> extras;
  for (auto& [client, update] : last) {
    const auto index = static_cast<std::size_t>(client);
    weighed.push_back({clients_[index].samples, multiplicity[client]});
    cohort.push_back({client,
                      clients_[index].samples,
                      multiplicity[client],
                      0.0,
                      update.result});
    deltas.push_back(update.delta);
    for (const auto& [name, vector] : update.extra) {
      extras[name].push_back(vector);
    }
  }
  const std::vector<double> weights = aggregate::Weights(weighting, weighed);
  for (std::size_t i = 0; i < cohort.size(); ++i) {
    cohort[i].weight = weights[i];
  }
  const std::vector<double> mean = WeightedSum(model.size(), weights, deltas);
  std::map<std::string, std::vector<double>> extra_sums;
  for (const auto& [name, rows] : extras) {
    extra_sums[name] =
        WeightedSum(model.size(), std::vector<double>(rows.size(), 1.0), rows);
  }
  ServerContext context{model,
                        mean,
                        extra_sums,
                        cohort,
                        static_cast<std::int64_t>(clients_.size()),
                        *optimizer};
  method_.Server(context);
  for (const auto& [client, update] : last) {
    for (const auto& [name, vector] : update.state) {
      states[static_cast<std::size_t>(client)][name] = vector;
    }
  }
  ++round;
}

template <class Real>
std::vector<std::int64_t> Federation<Real>::Draw(std::size_t size) const {
  core::Stream stream = core::Stream::Named(7, "test/select", {round});
  return stream.SampleWithoutReplacement(
      static_cast<std::int64_t>(clients_.size()),
      static_cast<std::int64_t>(size));
}

template <class Real>
void Federation<Real>::Rounds(int count, std::size_t size) {
  for (int i = 0; i < count; ++i) Round(Draw(size));
}

template class Federation<float>;
template class Federation<double>;

double LargestDifference(std::span<const double> left,
                         std::span<const double> right) {
  if (left.size() != right.size()) throw std::invalid_argument("sizes differ");
  double largest = 0.0;
  for (std::size_t j = 0; j < left.size(); ++j) {
    // Not std::max, which would swallow a NaN.
    const double difference = std::fabs(left[j] - right[j]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

double Distance(std::span<const double> left, std::span<const double> right) {
  if (left.size() != right.size()) throw std::invalid_argument("sizes differ");
  double square = 0.0;
  for (std::size_t j = 0; j < left.size(); ++j) {
    square += (left[j] - right[j]) * (left[j] - right[j]);
  }
  return std::sqrt(square);
}

Ending RunToTheEnd(Federation<double>& federation,
                   int rounds,
                   std::size_t size,
                   std::span<const double> optimum) {
  constexpr int kTail = 200;
  Ending ending;
  const std::vector<double> origin(optimum.size(), 0.0);
  for (int i = 0; i < rounds; ++i) {
    federation.Rounds(1, size);
    // Negated so that NaN counts as divergence.
    if (!(Distance(federation.model, origin) <= 1e12)) {
      ending.diverged = true;
      return ending;
    }
    if (i >= rounds - kTail) {
      ending.distance += Distance(federation.model, optimum) / kTail;
    }
  }
  return ending;
}

}  // namespace fedtorch::algorithm
