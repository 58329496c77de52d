#pragma once

#include "fedtorch/config/state.h"

#include <string>

namespace fedtorch::config {

/// Formats a JSON Schema (draft-07) of the recorded keys. It accepts what the
/// reader accepts, apart from rules between keys and from `${...}`.
std::string JsonSchemaOf(const DocumentState& state, const std::string& title);

}  // namespace fedtorch::config
