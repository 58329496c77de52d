#include "fedtorch/client/stacked_problem.h"

#include "fedtorch/core/errors.h"

#include <algorithm>

namespace fedtorch::client {

void StackedProblem::Begin(const Task& task) {
  if (task.tampering != nullptr) {
    throw core::ConfigError(
        "runtime.executor: stacked cannot serve an attack on local training, "
        "which must see every step of its client alone; use "
        "runtime.executor=client_major");
  }
  task_ = task;
  seconds_ = {};
}

void StackedProblem::StartFrom(std::span<const float> global) {
  FEDTORCH_CHECK(global.size() == weights_.size(), "wrong size");
  std::copy(global.begin(), global.end(), weights_.begin());
}

std::span<const float> StackedProblem::GiveWeights(
    core::AlignedBuffer<float>* memory) {
  memory->Reserve(weights_.size());
  std::copy(weights_.begin(), weights_.end(), memory->data());
  return memory->first(weights_.size());
}

LocalResult StackedProblem::Train(const Correction<float>& correction) {
  Turn turn(work_, seed_, task_, correction);
  engine::StackedClient<float> client{
      .steps = turn.steps(),
      .rule = turn.rule(),
      .weights = weights_,
      .next_batch = [&] { return reader_.Read(turn.NextBatch()); },
      .dropout = &turn.dropout()};
  // Who has nothing to do need not wait for the others.
  if (turn.steps() > 0) {
    LapClock clock;
    wave_.Train(half_, client);
    clock.AddTo(&seconds_.parked);
  }
  return turn.Result(client.loss);
}

double StackedProblem::FullGradient(std::span<float> out) {
  FullPass pass(task_.indices);
  engine::StackedGradient<float> client{
      .batches = pass.batches(),
      .weights = weights_,
      .next_batch = [&] { return reader_.Read(pass.NextBatch()); },
      .out = out};
  LapClock clock;
  wave_.Gradient(half_, client);
  clock.AddTo(&seconds_.parked);
  return client.loss;
}

}  // namespace fedtorch::client
