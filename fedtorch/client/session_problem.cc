#include "fedtorch/client/session_problem.h"

#include <algorithm>
#include <chrono>

namespace fedtorch::client {
namespace {

// Samples of one batch of a full gradient: large enough for good products,
// small enough that activations of a CNN stay within the cache's order.
constexpr std::int64_t kGradientBatch = 256;

// Adds the time since its last reading to one sum or another.
class LapClock {
 public:
  void AddTo(double* seconds) {
    const auto now = std::chrono::steady_clock::now();
    *seconds += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ =
      std::chrono::steady_clock::now();
};

}  // namespace

engine::Batch BatchReader::Read(std::span<const std::int64_t> indices) {
  const std::size_t count = indices.size();
  const auto values =
      static_cast<std::size_t>(dataset_.feature_count()) * count;
  engine::Batch batch;
  batch.size = static_cast<std::int64_t>(count);
  // Vectors only grow, so after the largest batch nothing is allocated.
  if (dataset_.type == data::FeatureType::kInt64) {
    if (tokens_.size() < values) tokens_.resize(values);
    const auto out = std::span(tokens_).first(values);
    data::GatherTokens(dataset_, indices, out);
    batch.tokens = out;
  } else {
    if (features_.size() < values) features_.resize(values);
    const auto out = std::span(features_).first(values);
    data::GatherFeatures(dataset_, indices, out);
    batch.features = out;
  }
  const std::size_t targets =
      count * static_cast<std::size_t>(dataset_.target_length);
  if (targets_.size() < targets) targets_.resize(targets);
  const auto out = std::span(targets_).first(targets);
  data::GatherTargets(dataset_, indices, out);
  batch.targets = out;
  return batch;
}

void SessionProblem::Begin(const Task& task) {
  task_ = task;
  seconds_ = {};
  session_.ResetMomentum();
}

std::size_t SessionProblem::dimension() const {
  return session_.parameters().size();
}

std::int64_t SessionProblem::samples() const {
  return static_cast<std::int64_t>(task_.indices.size());
}

LocalResult SessionProblem::Train(const Correction<float>& correction) {
  LapClock clock;
  engine::StepRule<float> rule{.lr = task_.lr,
                               .momentum = work_.momentum,
                               .weight_decay = work_.weight_decay,
                               .prox = correction.prox,
                               .anchor = correction.anchor,
                               .linear = correction.linear};
  const auto round = static_cast<std::uint64_t>(task_.round);
  const auto client = static_cast<std::uint64_t>(task_.client);
  core::Stream shuffling = core::Stream::Named(seed_, "order", {round, client});
  core::Stream dropout = core::Stream::Named(seed_, "dropout", {round, client});

  LocalResult result;
  result.lr = task_.lr;
  const std::int64_t total = work_.StepsOf(samples(), task_.epochs);
  const std::int64_t size =
      work_.batch_size == 0 ? samples() : work_.batch_size;
  order_.assign(task_.indices.begin(), task_.indices.end());
  engine::SolverNorm norm;
  double loss_sum = 0.0;
  std::int64_t position = samples();  // the first step opens the first epoch
  bool first_epoch = true;
  for (std::int64_t step = 0; step < total; ++step) {
    const std::int64_t left = samples() - position;
    const bool ended =
        left <= 0 || (left < size && !work_.keep_last_batch && position > 0);
    if (ended) {
      const bool shuffle =
          work_.order == LocalWork::Order::kEachEpoch ||
          (work_.order == LocalWork::Order::kOnce && first_epoch);
      if (shuffle) shuffling.Shuffle(std::span(order_));
      first_epoch = false;
      position = 0;
    }
    const std::int64_t count = std::min(size, samples() - position);
    const engine::Batch batch = reader_.Read(std::span(order_).subspan(
        static_cast<std::size_t>(position), static_cast<std::size_t>(count)));
    position += count;
    clock.AddTo(&seconds_.batches);
    const double loss = session_.Step(batch, rule, dropout);
    clock.AddTo(&seconds_.steps);
    loss_sum += loss * static_cast<double>(count);
    norm.Step(rule.lr, rule.momentum, rule.prox);
    result.steps += 1;
    result.examples += count;
  }
  if (result.steps > 0) {
    result.a_norm = norm.Value(task_.lr);
    result.loss = loss_sum / static_cast<double>(result.examples);
  }
  return result;
}

double SessionProblem::FullGradient(std::span<float> out) {
  LapClock clock;
  double loss = 0.0;
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::int64_t start = 0; start < samples(); start += kGradientBatch) {
    const std::int64_t count = std::min(kGradientBatch, samples() - start);
    const engine::Batch batch = reader_.Read(task_.indices.subspan(
        static_cast<std::size_t>(start), static_cast<std::size_t>(count)));
    const double share =
        static_cast<double>(count) / static_cast<double>(samples());
    clock.AddTo(&seconds_.batches);
    loss += share * session_.AddGradient(batch, static_cast<float>(share), out);
    clock.AddTo(&seconds_.steps);
  }
  return loss;
}

}  // namespace fedtorch::client
