#pragma once

#include "fedtorch/aggregate/inputs.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns the Euclidean length of each input, [n]. Cost: O(nd) where the
/// inputs are rows of a table, as NormsByValue; from inner products where they
/// are mixtures, whose values nobody has computed. Threads: parallel, same bits
/// for any number.
std::vector<double> Norms(const Inputs& inputs);

/// Returns |y_i| of every input, in float64 from the values. Norms from inner
/// products lose a row that is small beside the others. Cost: O(nd). Threads:
/// parallel, same bits for any number.
std::vector<double> NormsByValue(const Inputs& inputs);

/// Returns <y_i, vector> of every input; as NormsByValue. `vector` [d].
std::vector<double> Products(const Inputs& inputs,
                             std::span<const double> vector);

/// Returns |y_i - vector| of every input, and its square; as NormsByValue.
/// `vector` [d].
std::vector<double> DistancesTo(const Inputs& inputs,
                                std::span<const double> vector);
std::vector<double> SquaredDistancesTo(const Inputs& inputs,
                                       std::span<const double> vector);

/// Returns the factor that shortens a vector of length `norm` to `radius`, 1
/// where it is not longer; a zero vector is left alone.
double ClippingFactor(double norm, double radius);

/// Returns the coefficients [norms.size()] of the mean of the rows `kept`, each
/// clipped to `bound`; all 0 when none is kept.
std::vector<double> ClippedMean(std::span<const double> norms,
                                std::span<const std::int64_t> kept,
                                double bound);

/// Returns the median of `values`, of an even number the mean of the two in
/// the middle; 0 of none.
double MedianOf(std::vector<double> values);

}  // namespace fedtorch::aggregate
