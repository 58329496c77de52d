#pragma once

#include "fedtorch/attack/attack.h"
#include "tests/support/golden_inputs.h"

#include <memory>
#include <string>
#include <vector>

namespace fedtorch::attack {

/// Makes the attack of a config text such as "{name: ipm, epsilon: 2}".
std::unique_ptr<Attack> FromText(const std::string& text);

/// Makes the defence of a config text of a server section, e.g.
/// "aggregator: median".
aggregate::Pipeline DefenceFrom(const std::string& text);

/// Owns float64 vectors and what adversaries see of them.
struct Stage {
  std::vector<std::vector<double>> known;
  std::vector<std::vector<double>> own;
  std::int64_t num_byzantine = 1;
  aggregate::Context context;
  const aggregate::Pipeline* defence = nullptr;

  /// Lets an attack craft, with n = known + num_byzantine.
  Crafted Play(Attack& attack);
};

using support::InputA;
using support::InputB;
using support::InputC;

}  // namespace fedtorch::attack
