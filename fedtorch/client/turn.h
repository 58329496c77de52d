#pragma once

#include "fedtorch/client/local_problem.h"
#include "fedtorch/client/local_work.h"
#include "fedtorch/core/aligned_buffer.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/step_rule.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::client {

class Tampering;

/// Says which client trains, on what, and how much.
struct Task {
  std::int64_t client = 0;
  std::int64_t round = 0;                   ///< from 1
  std::span<const std::int64_t> indices{};  ///< its training samples
  std::int64_t epochs = 1;  ///< <= LocalWork::epochs; fewer for stragglers
  double lr = 0.0;
  /// What an adversary does to this training; null = nothing.
  Tampering* tampering = nullptr;
};

/// Goes through the local training of one client: which samples a step sees,
/// by which rule it is taken, and what is reported of it in the end. Whoever
/// computes the steps, they are these.
///
/// Randomness: sample order from the stream (seed, "order", round, client),
/// dropout from (seed, "dropout", round, client) or, as LocalWork::masks says,
/// from a shorter path, so a client's steps depend on nothing but its task.
/// Threads: one at a time.
class Turn {
 public:
  /// `work` and what `task` and `correction` point to must live longer.
  Turn(const LocalWork& work,
       std::uint64_t seed,
       const Task& task,
       const Correction<float>& correction);

  /// The steps of the turn, 0 for a client without samples.
  std::int64_t steps() const { return steps_; }
  /// The rule of every step.
  const engine::StepRule<float>& rule() const { return rule_; }
  /// The stream that the masks of all steps are drawn from.
  core::Stream& dropout() { return dropout_; }
  /// Returns the samples of the next step, valid until the next call. Requires:
  /// fewer than `steps` calls before.
  std::span<const std::int64_t> NextBatch();
  /// Reports what was gone through; `mean_loss` is over all samples seen, nats.
  LocalResult Result(double mean_loss) const;

 private:
  const LocalWork& work_;
  engine::StepRule<float> rule_;
  std::int64_t steps_;
  std::int64_t batch_size_;
  core::Stream shuffling_;
  core::Stream dropout_;
  std::vector<std::int64_t> order_;
  std::size_t position_;  // in the order, of the next sample
  bool first_epoch_ = true;
  engine::SolverNorm norm_;
  LocalResult result_;
};

/// Goes once through all samples of a client, as stored, for a full gradient.
class FullPass {
 public:
  /// Samples of one batch at most: large enough for good products, small enough
  /// that activations of a CNN stay within the cache's order.
  static constexpr std::int64_t kBatch = 256;

  explicit FullPass(std::span<const std::int64_t> indices)
      : indices_(indices) {}
  std::int64_t batches() const;
  /// Returns the samples of the next batch. Requires: fewer than `batches`
  /// calls before.
  std::span<const std::int64_t> NextBatch();

 private:
  std::span<const std::int64_t> indices_;
  std::size_t position_ = 0;
};

/// Says where the time of a client's turn went, seconds.
struct TurnSeconds {
  double batches = 0.0;  ///< ordering, gathering and normalising samples
  double steps = 0.0;    ///< in the session: steps and full gradients
  double parked = 0.0;   ///< waiting for a stack, which does both for all
};

/// Adds the time since its last reading to one sum or another. Cost: a reading
/// of the clock, about 25 ns.
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

/// Is a client's problem that serves one client after another.
class ReusableProblem : public LocalProblem<float> {
 public:
  /// Starts a client's turn; the caller sets weights, buffers and counters.
  virtual void Begin(const Task& task) = 0;
  /// Sets the weights to `global` [d], which must stay as it is until the turn
  /// ends: cheaper than a copy into `weights()`.
  virtual void StartFrom(std::span<const float> global) = 0;
  /// Leaves the weights in `memory`, where they outlive the turn, and returns
  /// where in it they lie; see engine::Session::GiveParameters.
  virtual std::span<const float> GiveWeights(
      core::AlignedBuffer<float>* memory) = 0;
  virtual std::span<float> buffers() = 0;          ///< [num_buffers]
  virtual std::span<std::int64_t> counters() = 0;  ///< [num_counters]
  /// Where the time since `Begin` went.
  virtual const TurnSeconds& seconds() const = 0;
};

}  // namespace fedtorch::client
