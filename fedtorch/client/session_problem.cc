#include "fedtorch/client/session_problem.h"

#include <algorithm>

namespace fedtorch::client {

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

TamperedBatch BatchReader::Writable(std::span<const std::int64_t> indices) {
  const std::size_t count = indices.size();
  const auto values =
      static_cast<std::size_t>(dataset_.feature_count()) * count;
  TamperedBatch batch;
  batch.size = static_cast<std::int64_t>(count);
  if (dataset_.type == data::FeatureType::kInt64) {
    batch.tokens = std::span(tokens_).first(values);
  } else {
    batch.features = std::span(features_).first(values);
  }
  batch.targets = std::span(targets_).first(
      count * static_cast<std::size_t>(dataset_.target_length));
  batch.indices = indices;
  return batch;
}

std::size_t SessionProblem::dimension() const {
  return session_.parameters().size();
}

std::int64_t SessionProblem::samples() const {
  return static_cast<std::int64_t>(task_.indices.size());
}

engine::Batch SessionProblem::ReadTampered(
    std::span<const std::int64_t> indices) {
  const engine::Batch batch = reader_.Read(indices);
  if (task_.tampering != nullptr) {
    task_.tampering->BeforeStep(reader_.Writable(indices));
  }
  return batch;
}

LocalResult SessionProblem::Train(const Correction<float>& correction) {
  LapClock clock;
  session_.ResetMomentum();
  Turn turn(work_, seed_, task_, correction);
  double loss_sum = 0.0;
  double examples = 0.0;
  for (std::int64_t step = 0; step < turn.steps(); ++step) {
    const engine::Batch batch = ReadTampered(turn.NextBatch());
    clock.AddTo(&seconds_.batches);
    const double loss = session_.Step(batch, turn.rule(), turn.dropout());
    if (task_.tampering != nullptr) {
      task_.tampering->AfterStep(session_.parameters());
    }
    clock.AddTo(&seconds_.steps);
    loss_sum += loss * static_cast<double>(batch.size);
    examples += static_cast<double>(batch.size);
  }
  return turn.Result(examples > 0.0 ? loss_sum / examples : 0.0);
}

double SessionProblem::FullGradient(std::span<float> out) {
  LapClock clock;
  session_.parameters();  // no step may follow, so the copy is due now
  double loss = 0.0;
  std::fill(out.begin(), out.end(), 0.0F);
  FullPass pass(task_.indices);
  for (std::int64_t i = 0; i < pass.batches(); ++i) {
    const engine::Batch batch = ReadTampered(pass.NextBatch());
    const double share =
        static_cast<double>(batch.size) / static_cast<double>(samples());
    clock.AddTo(&seconds_.batches);
    loss += share * session_.AddGradient(batch, static_cast<float>(share), out);
    clock.AddTo(&seconds_.steps);
  }
  return loss;
}

}  // namespace fedtorch::client
