#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <span>
#include <string_view>

namespace fedtorch::aggregate {

/// Adds N(0, deviation^2) to each value. Randomness: streams of (context.seed,
/// `kind`, round, block of values), so that blocks are drawn in parallel with
/// the same bits for any number of threads. A deviation of 0 draws nothing.
void AddGaussianNoise(double deviation,
                      std::string_view kind,
                      const Context& context,
                      std::span<double> values);

}  // namespace fedtorch::aggregate
