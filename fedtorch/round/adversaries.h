#pragma once

#include "fedtorch/round/experiment.h"
#include "fedtorch/round/world.h"

namespace fedtorch::round {

/// Tells the attack of an experiment what data it will meet. Does nothing
/// without adversaries.
/// Throws: ConfigError where the attack cannot work on this, or has nothing to
/// do for the cohort that the config asks for.
void StartAttack(Experiment& experiment, const World& world);

}  // namespace fedtorch::round
