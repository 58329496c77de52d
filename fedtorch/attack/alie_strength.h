#pragma once

#include <cstdint>
#include <string>

namespace fedtorch::attack {

/// Returns the z with which f of n adversaries stay covered by honest updates:
/// the quantile of N(0, 1) at (n - f - s) / (n - f), s = floor(n/2 + 1) - f.
/// It is <= 0 where honest updates are too many, +infinity where s <= 0.
/// Requires: 1 <= f < n.
/// Source: Baruch, Baruch, Goldberg 2019.
double AlieStrength(std::int64_t n, std::int64_t f);

/// Says why that z is none to attack with; empty when it is.
std::string AlieObstacle(const std::string& name,
                         std::int64_t n,
                         std::int64_t f);

}  // namespace fedtorch::attack
