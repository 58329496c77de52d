#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/inputs.h"
#include "fedtorch/aggregate/norms.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns |y_i| of every input, in float64 from the values. Norms from inner
/// products lose a row that is small beside the others. Cost: O(nd). Threads:
/// parallel, same bits for any number.
std::vector<double> NormsByValue(const Inputs& inputs);

/// Returns <y_i, vector> of every input; as NormsByValue. `vector` [d].
std::vector<double> Products(const Inputs& inputs,
                             std::span<const double> vector);

/// Returns |y_i - vector| of every input; as NormsByValue. `vector` [d].
std::vector<double> DistancesTo(const Inputs& inputs,
                                std::span<const double> vector);

/// Returns the coefficients [norms.size()] of the mean of the rows `kept`, each
/// clipped to `bound`; all 0 when none is kept.
std::vector<double> ClippedMean(std::span<const double> norms,
                                std::span<const std::int64_t> kept,
                                double bound);

}  // namespace fedtorch::aggregate
