#include "fedtorch/client/turn.h"

#include "fedtorch/core/errors.h"

#include <algorithm>

namespace fedtorch::client {
namespace {

core::Stream StreamOf(std::uint64_t seed,
                      std::string_view purpose,
                      const Task& task) {
  return core::Stream::Named(seed,
                             purpose,
                             {static_cast<std::uint64_t>(task.round),
                              static_cast<std::uint64_t>(task.client)});
}

core::Stream DropoutOf(LocalWork::Masks masks,
                       std::uint64_t seed,
                       const Task& task) {
  constexpr std::string_view kPurpose = "dropout";
  switch (masks) {
    case LocalWork::Masks::kPerClient:
      break;
    case LocalWork::Masks::kPerRound:
      return core::Stream::Named(
          seed, kPurpose, {static_cast<std::uint64_t>(task.round)});
    case LocalWork::Masks::kFixed:
      return core::Stream::Named(seed, kPurpose);
  }
  return StreamOf(seed, kPurpose, task);
}

}  // namespace

Turn::Turn(const LocalWork& work,
           std::uint64_t seed,
           const Task& task,
           const Correction<float>& correction)
    : work_(work),
      rule_{.lr = task.lr,
            .momentum = work.momentum,
            .weight_decay = work.weight_decay,
            .prox = correction.prox,
            .anchor = correction.anchor,
            .linear = correction.linear,
            .max_gradient_norm = work.max_gradient_norm,
            .max_example_norm = work.max_example_norm},
      steps_(work.StepsOf(static_cast<std::int64_t>(task.indices.size()),
                          task.epochs)),
      batch_size_(work.batch_size == 0
                      ? static_cast<std::int64_t>(task.indices.size())
                      : work.batch_size),
      shuffling_(StreamOf(seed, "order", task)),
      dropout_(DropoutOf(work.masks, seed, task)),
      order_(task.indices.begin(), task.indices.end()),
      position_(order_.size()) {  // the first step opens the first epoch
  result_.lr = task.lr;
}

std::span<const std::int64_t> Turn::NextBatch() {
  FEDTORCH_CHECK(result_.steps < steps_, "no step is left");
  const auto size = static_cast<std::size_t>(batch_size_);
  const std::size_t left = order_.size() - position_;
  const bool ended =
      left == 0 || (left < size && !work_.keep_last_batch && position_ > 0);
  if (ended) {
    const bool shuffle =
        work_.order == LocalWork::Order::kEachEpoch ||
        (work_.order == LocalWork::Order::kOnce && first_epoch_);
    if (shuffle) shuffling_.Shuffle(std::span(order_));
    first_epoch_ = false;
    position_ = 0;
  }
  const std::size_t count = std::min(size, order_.size() - position_);
  const auto batch = std::span(order_).subspan(position_, count);
  position_ += count;
  norm_.Step(rule_.lr, rule_.momentum, rule_.prox);
  result_.steps += 1;
  result_.examples += static_cast<std::int64_t>(count);
  return batch;
}

LocalResult Turn::Result(double mean_loss) const {
  LocalResult result = result_;
  if (result.steps > 0) {
    result.a_norm = norm_.Value(result.lr);
    result.loss = mean_loss;
  }
  return result;
}

std::int64_t FullPass::batches() const {
  return (static_cast<std::int64_t>(indices_.size()) + kBatch - 1) / kBatch;
}

std::span<const std::int64_t> FullPass::NextBatch() {
  const std::size_t count =
      std::min<std::size_t>(kBatch, indices_.size() - position_);
  const auto batch = indices_.subspan(position_, count);
  position_ += count;
  return batch;
}

}  // namespace fedtorch::client
