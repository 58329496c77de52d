#pragma once

#include "fedtorch/record/progress.h"
#include "fedtorch/round/experiment.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::round {

/// Holds what a run needs beside the experiment itself.
struct RunRequest {
  std::string resolved_config;  ///< text of config.yaml
  std::string config_hash;
  std::vector<std::filesystem::path> config_files;
  std::vector<std::string> overrides;
  std::vector<std::string> command_line;
  /// Run directory to continue; unset = a new one.
  std::optional<std::filesystem::path> resume;
  /// Folder to make a new run in; unset = below `output.dir`, named by
  /// the time of the start.
  std::optional<std::filesystem::path> directory;
  /// True when the config was changed on resuming, e.g. more rounds: then the
  /// checkpoint of the former config is accepted.
  bool config_changed = false;
  record::ProgressMode progress = record::ProgressMode::kAuto;
  bool quiet = false;  ///< no notes and no progress on stderr
};

/// Holds where a run is recorded and how it ended.
struct RunResult {
  std::filesystem::path directory;
  std::string summary;  ///< JSON, as in summary.json
  int exit_code = 0;    ///< 0, or 75 / 130 after a stop with a checkpoint
};

/// Runs an experiment to its last round, or to the round in which a signal
/// asked for a stop, and records everything in a run directory.
///
/// Threads: `runtime.threads` workers; metrics.jsonl and the final model do
/// not depend on their number. Throws: the types of core/errors.h, after
/// status.json has been given the reason.
RunResult Execute(Experiment& experiment, const RunRequest& request);

}  // namespace fedtorch::round
