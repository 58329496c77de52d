#pragma once

#include "fedtorch/server/optimizer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::server {

using Vector = std::vector<double>;

/// Makes the optimiser of a config text such as "{name: adam, lr: 1}".
/// Throws: ConfigError.
std::unique_ptr<Optimizer> FromText(const std::string& text);

/// Takes one step a delta from `model` and returns the model after each.
std::vector<Vector> Steps(Optimizer& optimizer,
                          Vector model,
                          const std::vector<Vector>& deltas);

/// The same for a model of one coordinate that starts at 0.
Vector ScalarSteps(const std::string& text, const Vector& deltas);

/// Draws deltas whose scale changes from coordinate to coordinate.
std::vector<Vector> DrawDeltas(std::uint64_t seed,
                               std::size_t count,
                               std::size_t size);

}  // namespace fedtorch::server
