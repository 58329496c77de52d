#pragma once

#include "fedtorch/record/interrupt.h"
#include "fedtorch/study/sweep_plan.h"
#include "fedtorch/study/sweep_results.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Names a share of a sweep: the trials whose number leaves `index` when
/// divided by `count`.
struct Shard {
  std::size_t index = 0;
  std::size_t count = 1;
};
/// Reads "i/n" with 0 <= i < n. Throws: ConfigError.
Shard ParseShard(const std::string& text);

/// Holds how a sweep is run; nothing here changes results.
struct SweepRequest {
  std::filesystem::path directory;
  std::optional<std::int64_t> jobs;  ///< trials at a time; unset = see Jobs
  Shard shard;
  bool retry_failed = false;
  bool quiet = false;
  std::vector<std::string> command_line;  ///< for the manifests
};

/// Holds what a sweep has come to.
struct SweepOutcome {
  FrozenSweep sweep;
  std::vector<TrialResult> results;  ///< of all shards
  std::size_t skipped = 0;           ///< had ended before this start
  record::StopRequest stop = record::StopRequest::kNone;
  /// Trials of this shard that failed or diverged, with what this start saw.
  std::vector<std::pair<std::size_t, TrialStatus>> failures;
};

/// Returns how many trials run at a time and how many workers each has: as
/// many trials as there are cores with one worker each, or fewer trials that
/// share the cores. `workers` is what the config says, if it does.
struct Jobs {
  std::int64_t jobs = 1;
  std::int64_t threads = 1;
};
Jobs ChooseJobs(std::optional<std::int64_t> asked,
                std::optional<std::int64_t> workers,
                std::size_t trials,
                std::int64_t cores);

/// Freezes a plan, runs what has not ended yet, and writes results.csv.
/// Progress over trials goes to stderr. Throws: ConfigError when the folder
/// holds another sweep, RunError.
SweepOutcome RunSweep(const SweepPlan& plan, const SweepRequest& request);

}  // namespace fedtorch::study
