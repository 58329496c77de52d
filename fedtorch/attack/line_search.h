#pragma once

#include "fedtorch/config/section.h"

#include <cstdint>
#include <functional>

namespace fedtorch::attack {

/// Climbs a function of one number t >= start, in a fixed number of
/// evaluations: from the best t so far it tries t + step, accepts what is
/// strictly better, doubles the step while nothing has failed yet and shrinks
/// it after each failure. The step stays after a success that follows a
/// failure.
/// Source: robustness 4.2, which reproduces two published vectors.
struct LineSearch {
  double start = 0.0;
  double step = 10.0;
  double shrink = 0.8;
  std::int64_t evaluations = 20;

  /// Reads `start`, `step`, `shrink` and `evaluations`.
  static LineSearch Read(config::Section& section);

  struct Best {
    double t = 0.0;
    double value = 0.0;
  };
  /// Returns the best t found. Values that are not numbers are never better.
  Best Climb(const std::function<double(double)>& height) const;
};

}  // namespace fedtorch::attack
