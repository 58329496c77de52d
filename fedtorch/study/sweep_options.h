#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/study/axis.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds the `sweep` section of a config. It is no part of a trial's config.
struct SweepOptions {
  std::optional<std::string> name;  ///< of the sweep's folder
  std::vector<Axis> grid;           ///< in the order written
  std::int64_t seeds = 1;
  std::int64_t data_seeds = 1;

  /// Reads the section; nullopt where there is none.
  static std::optional<SweepOptions> Read(config::Section& root);
};

}  // namespace fedtorch::study
