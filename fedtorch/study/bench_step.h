#pragma once

#include "fedtorch/study/bench_peak.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Reports the time of one training step of a model.
struct StepTime {
  std::string model;
  std::int64_t batch = 0;          ///< samples of a step
  double autograd_us = 0.0;        ///< processor time, best repetition
  std::optional<double> plan_us;   ///< unset where the model has no plan
  std::optional<double> speed_up;  ///< autograd_us / plan_us
  /// FLOP of a step (Network::train_flops) over the time of the plan, or of
  /// autograd where there is no plan.
  double gflops = 0.0;
  double share_of_sgemm_peak = 0.0;  ///< gflops / Peak::sgemm_gflops
};

/// Names the models that can be measured, smallest step first.
std::vector<std::string> StepModels();

/// Measures plain SGD steps of batch 10 on random data of the right shape, one
/// thread, autograd and plan in turns in one process, so that a change of the
/// machine's speed meets both; the first step of a turn is not timed.
/// Requires: `model` is one of StepModels(). Cost: 1 to 6 s.
/// Randomness: the stream (0, "bench"). Throws: Bug for other names.
StepTime MeasureStep(const std::string& model, const Peak& peak);

}  // namespace fedtorch::study
