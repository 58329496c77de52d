#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/inputs.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns |y_i| of every input, in float64 from the values. Norms from inner
/// products lose a row that is small beside the others. Cost: O(nd). Threads:
/// parallel, same bits for any number.
std::vector<double> Norms(const Inputs& inputs);

/// Returns <y_i, vector> of every input; as Norms. `vector` [d].
std::vector<double> Products(const Inputs& inputs,
                             std::span<const double> vector);

/// Returns |y_i - vector| of every input; as Norms. `vector` [d].
std::vector<double> DistancesTo(const Inputs& inputs,
                                std::span<const double> vector);

/// Returns the median, for an even number of values the mean of the two in the
/// middle; 0 of none.
double MedianOf(std::vector<double> values);

/// Returns what a vector of length `norm` is multiplied by to be no longer than
/// `bound`; 1 for a zero vector.
double ClipFactor(double norm, double bound);

/// Returns the coefficients [norms.size()] of the mean of the rows `kept`, each
/// clipped to `bound`; all 0 when none is kept.
std::vector<double> ClippedMean(std::span<const double> norms,
                                std::span<const std::int64_t> kept,
                                double bound);

/// Returns sum_i coefficients[i] y_i, and as kept the rows of the table that
/// have a part in it. Cost: O(nd).
Result Weighed(const Inputs& inputs, std::span<const double> coefficients);

}  // namespace fedtorch::aggregate
