#pragma once

#include "fedtorch/app/commands.h"
#include "fedtorch/config/document.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/study/sweep_options.h"

#include <optional>
#include <string>

namespace fedtorch::app {

/// Holds a config that was read without a problem.
struct Loaded {
  config::Document document;
  round::Experiment experiment;
  std::optional<study::SweepOptions> sweep;  ///< where there is a section
};

/// Says what to do about a `sweep` section.
enum class SweepSection { kAccept, kRefuse };

/// Reads files and overrides into an experiment; prints the reader's notes on
/// stderr. Throws: ConfigError with every problem.
Loaded Load(const ConfigSource& source,
            SweepSection sweep_section = SweepSection::kAccept);

/// Returns the name that is nearest to `word`, as " did you mean 'x'?", or "".
std::string DidYouMean(std::string_view word,
                       const std::vector<std::string>& names);

}  // namespace fedtorch::app
