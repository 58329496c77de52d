#pragma once

#include "fedtorch/client/session_problem.h"
#include "fedtorch/client/turn.h"
#include "fedtorch/client/wave.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::client {

/// Is a client's problem whose local work is done together with that of all
/// other clients of a wave. The steps are those of SessionProblem: same
/// samples in the same order, same dropout masks, same rule; results differ by
/// the rounding of sums.
///
/// Requires: a network without buffers and counters (StackedObstacle refuses
/// those that have them).
/// Threads: Train and FullGradient are called on the thread of half `half` of
/// the wave; the samples are read by the thread that serves the wave.
class StackedProblem final : public ReusableProblem {
 public:
  /// References must live longer.
  StackedProblem(Wave& wave,
                 std::size_t half,
                 std::size_t dimension,
                 const data::Dataset& dataset,
                 const LocalWork& work,
                 std::uint64_t seed)
      : wave_(wave),
        half_(half),
        weights_(dimension),
        reader_(dataset),
        work_(work),
        seed_(seed) {}

  /// Throws: ConfigError for an adversary that tampers with its training:
  /// nobody sees a step of a stack alone.
  void Begin(const Task& task) override;
  void StartFrom(std::span<const float> global) override;
  std::span<const float> GiveWeights(
      core::AlignedBuffer<float>* memory) override;
  std::span<float> buffers() override { return {}; }
  std::span<std::int64_t> counters() override { return {}; }

  std::size_t dimension() const override { return weights_.size(); }
  std::int64_t samples() const override {
    return static_cast<std::int64_t>(task_.indices.size());
  }
  std::span<float> weights() override { return weights_; }
  LocalResult Train(const Correction<float>& correction) override;
  double FullGradient(std::span<float> out) override;
  double learning_rate() const override { return task_.lr; }
  const TurnSeconds& seconds() const override { return seconds_; }

 private:
  Wave& wave_;
  const std::size_t half_;
  std::vector<float> weights_;
  BatchReader reader_;
  const LocalWork& work_;
  const std::uint64_t seed_;
  Task task_;
  TurnSeconds seconds_;
};

}  // namespace fedtorch::client
