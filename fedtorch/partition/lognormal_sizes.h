#pragma once

#include "fedtorch/partition/partitioner.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace fedtorch::partition {

/// Largest spread that is accepted: beyond it one client has everything.
inline constexpr double kLargestSigma = 10.0;

/// Draws client sizes in proportion to Lognormal(ln(n / N), sigma), rounded by
/// largest remainder to sum to n, until the smallest reaches min_samples.
/// Randomness: (seed, purpose, attempt).
/// Throws: ConfigError when kTries attempts do not reach the minimum.
std::vector<std::int64_t> LognormalSizes(const Input& input,
                                         std::string_view kind,
                                         double sigma,
                                         std::string_view purpose);

}  // namespace fedtorch::partition
