#pragma once

#include "fedtorch/core/stream.h"

#include <string>

namespace fedtorch::config {

/// Holds one config in two notations.
struct RandomConfig {
  std::string json;
  std::string yaml;
};

/// Draws a config from a JSON Schema: every value lies inside or just outside
/// its range; with probability `mistakes` a value is of another type, a key is
/// unknown, or a required key is missing.
RandomConfig DrawConfig(const std::string& schema,
                        double mistakes,
                        core::Stream& stream);

}  // namespace fedtorch::config
