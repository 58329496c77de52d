#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

/// Holds a vector a client, by persistent id.
using ClientVectors = std::map<std::int64_t, std::vector<double>>;

/// Adds the vectors to a state, each under "<name>/<id>".
void SaveClients(const std::string& name,
                 const ClientVectors& clients,
                 State* state);
/// Takes back what SaveClients gave under `name`.
ClientVectors LoadClients(const std::string& name, const State& state);
/// Returns the vector of a state, empty where there is none.
std::vector<double> LoadVector(const std::string& name, const State& state);

/// Returns the sum of products in float64, in ascending order.
double InnerProduct(std::span<const double> x, std::span<const double> y);
/// Returns the cosine of the angle between two vectors with these squared
/// lengths and this product, in [-1, 1]; 0 where one of them has no length.
double CosineOf(double product, double squared_x, double squared_y);

}  // namespace fedtorch::aggregate
