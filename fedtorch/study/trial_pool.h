#pragma once

#include "fedtorch/record/interrupt.h"
#include "fedtorch/study/trial_run.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace fedtorch::study {

/// Holds how a pool stands, for the display of progress.
struct PoolState {
  std::size_t running = 0;  ///< trials that are being trained here
  std::size_t waiting = 0;  ///< trials that another process has claimed
};

/// Holds what the trials of a pool have in common.
struct PoolOptions {
  std::int64_t jobs = 1;  ///< processes, each with one trial at a time
  TrialRequest request;
  /// Called when a trial has ended, with its index in the plan.
  std::function<void(std::size_t, const TrialStatus&)> ended;
  /// Called at every change and a few times a second.
  std::function<void(const PoolState&)> watched;
};

/// Runs trials of a plan in processes of their own, forked from this one:
/// each takes one trial after the other, keeps the samples of the last one,
/// and dies with this process. Their stderr goes to log.txt of the sweep. A
/// trial whose process dies has failed. Trials that another sweep process has
/// claimed are waited for.
///
/// A first SIGINT, SIGTERM or SIGUSR1 has all trials stop with a checkpoint;
/// returns what was asked for. Results do not depend on `jobs`.
/// Requires: this process has one thread. Throws: RunError.
record::StopRequest RunPool(const SweepPlan& plan,
                            const std::vector<std::size_t>& trials,
                            const PoolOptions& options);

}  // namespace fedtorch::study
