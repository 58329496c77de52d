#pragma once

#include "fedtorch/config/value.h"

#include <string>
#include <vector>

namespace fedtorch::config {

/// Applies overrides of the command line, in their order, as one layer:
/// `a.b=value` sets, `+a.b=value` adds what must not exist, `~a.b` deletes
/// what must exist. A number in a path counts into a list.
/// Their places are added to `sources`, so that they come last in that order.
/// Throws: ConfigError with all overrides that cannot be parsed.
void ApplyOverrides(const std::vector<std::string>& overrides,
                    int layer,
                    Value& root,
                    Sources* sources,
                    std::vector<core::Problem>* problems);

}  // namespace fedtorch::config
