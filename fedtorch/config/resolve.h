#pragma once

#include "fedtorch/config/state.h"

#include <string>
#include <vector>

namespace fedtorch::config {

/// Formats what the code has read, defaults included, in reading order.
std::string ResolvedYamlOf(const DocumentState& state);
/// The same as JSON, indented, or on one line without the top-level keys that
/// `left_out` names.
std::string ResolvedJsonOf(const DocumentState& state);
std::string CompactJsonOf(const DocumentState& state,
                          const std::vector<std::string>& left_out);

}  // namespace fedtorch::config
