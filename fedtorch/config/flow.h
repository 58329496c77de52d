#pragma once

#include "fedtorch/config/value.h"

#include <string>

namespace fedtorch::config {

/// Formats a value as the user wrote it in YAML flow syntax, on one line;
/// given to an override it reads back as the same value.
std::string ToFlowYaml(const Value& value);
/// The same as JSON: plain words that are no number, boolean or null become
/// text.
std::string ToFlowJson(const Value& value);

}  // namespace fedtorch::config
