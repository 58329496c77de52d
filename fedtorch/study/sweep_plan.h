#pragma once

#include "fedtorch/study/axis.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds one run of a sweep as it was frozen at the start.
struct Trial {
  std::string hash;                 ///< of the resolved config, 64 hex digits
  std::vector<std::string> values;  ///< one for each axis of the plan
  std::uint64_t seed = 0;
  std::string config_yaml;  ///< resolved, reads back to the same hash
  std::string config_json;
  /// Equal for trials that read the same samples.
  std::string data_key;

  /// Names the trial's folder: the first 16 digits of the hash.
  std::string id() const { return hash.substr(0, 16); }
};

/// Holds what a sweep is made from.
struct SweepSource {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> words;  ///< overrides and axes, as given
  std::optional<std::int64_t> seeds;
};

/// Holds all trials of a sweep in their order.
struct SweepPlan {
  std::string name;                  ///< of the sweep's folder
  std::filesystem::path output_dir;  ///< of the first trial
  std::vector<std::string> axes;     ///< keys, those of the seeds last
  std::vector<Trial> trials;
  std::vector<std::string> notes;  ///< of the config reader
  SweepSource source;

  /// Describes a trial: "server.aggregator=krum, seed=1".
  std::string Describe(const Trial& trial) const;
};

/// Tells whether a config has a `sweep` section.
/// Throws: ConfigError when a file cannot be read or a word be parsed.
bool HasSweep(const SweepSource& source);

/// Composes every trial: files, then the grid of the `sweep` section, then the
/// words in their order, of which a plain override of a grid's key takes the
/// axis's place. Keys that cannot change results (`runtime`, `output`,
/// `checkpoint`) are no axes. Nothing but the config files is read.
/// Throws: ConfigError with all problems of all trials, each once, naming the
/// trial. Cost: some milliseconds for each trial.
SweepPlan ComposeSweep(const SweepSource& source);

}  // namespace fedtorch::study
