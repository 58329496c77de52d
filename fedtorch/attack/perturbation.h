#pragma once

#include "fedtorch/attack/statistics.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <vector>

namespace fedtorch::attack {

/// Is the direction in which an attack b = mu + gamma p leaves the mean mu of
/// the updates it knows: p = -mu / |mu|, -sign(mu), or -sigma.
/// Source: Shejwalkar and Houmansadr 2021.
class Perturbation {
 public:
  enum class Form { kUnit, kSign, kDeviation };

  /// Reads `direction` and `ddof`.
  static Perturbation Read(config::Section& section);
  Perturbation(Form form, std::int64_t ddof) : form_(form), ddof_(ddof) {}

  /// Holds where the attack starts and where it goes.
  struct Line {
    std::vector<double> mean;       ///< mu [d]
    std::vector<double> direction;  ///< p [d]; 0 where mu or sigma is 0

    /// Returns mu + gamma p.
    std::vector<double> At(double gamma) const;
  };
  /// Requires: a row. Cost: O(nd).
  Line Of(const aggregate::UpdateTable& known) const;

 private:
  Form form_;
  std::int64_t ddof_;
};

}  // namespace fedtorch::attack
