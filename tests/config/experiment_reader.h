#pragma once

#include "fedtorch/config/section.h"

namespace fedtorch::config {

/// Reads a config of the layout that the program reads, throwing the values
/// away. It asks for at least one key of every sort that `Section` knows, so
/// that messages, schema and resolved form can be tested on it.
void ReadExperiment(Section root);

}  // namespace fedtorch::config
