#pragma once

#include "fedtorch/aggregate/inputs.h"

#include <vector>

namespace fedtorch::aggregate {

/// Returns the Euclidean length of each input, [n]. Cost: O(nd) where the
/// inputs are rows of a table, read in float64; from inner products where they
/// are mixtures, whose values nobody has computed. Threads: parallel over rows,
/// same bits for any number.
std::vector<double> Norms(const Inputs& inputs);

/// Returns the factor that shortens a vector of length `norm` to `radius`, 1
/// where it is not longer; a zero vector is left alone.
double ClippingFactor(double norm, double radius);

/// Returns the median of `values`, of an even number the mean of the two in
/// the middle; 0 of none.
double MedianOf(std::vector<double> values);

}  // namespace fedtorch::aggregate
