#pragma once

#include "fedtorch/study/sweep_plan.h"

#include <filesystem>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds one trial as sweep.json states it.
struct FrozenTrial {
  std::string id;
  std::string hash;
  std::uint64_t seed = 0;
  std::vector<std::string> values;  ///< one for each axis
  std::string config;               ///< resolved, JSON
};

/// Holds the content of sweep.json.
struct FrozenSweep {
  std::string name;
  std::vector<std::string> axes;
  std::vector<FrozenTrial> trials;  ///< in the order of the sweep
};

/// Freezes a plan: writes <directory>/sweep.json, made when missing. A sweep
/// that stands there already may only grow: a plan that lacks one of its
/// trials is refused with what differs.
/// Returns how many trials it had before; 0 when it is new.
/// Throws: ConfigError when it is refused, RunError.
std::size_t FreezeSweep(const SweepPlan& plan,
                        const std::filesystem::path& directory);

/// Reads <directory>/sweep.json. Throws: ConfigError when there is none,
/// RunError when it is damaged.
FrozenSweep ReadSweep(const std::filesystem::path& directory);

/// Returns the folder of a trial.
std::filesystem::path TrialFolder(const std::filesystem::path& directory,
                                  const std::string& id);

}  // namespace fedtorch::study
