#pragma once

#include "fedtorch/data/reader.h"

#include <cstdint>
#include <span>

namespace fedtorch::data {

/// Sets mean and std of both sets to those of the training set's float
/// features, one of each a feature, for the features that `chosen` marks;
/// others keep mean 0 and deviation 1, and so does a feature that never
/// varies (its mean is still removed).
/// Requires: type kFloat32; `chosen` is empty (= all) or [feature_count].
/// Cost: two passes in float64, in the order of the samples.
void StandardizeFeatures(std::span<const std::uint8_t> chosen, Corpus* corpus);

}  // namespace fedtorch::data
