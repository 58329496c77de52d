#pragma once

#include "fedtorch/algorithm/method.h"

#include <span>
#include <string>
#include <vector>

namespace fedtorch::algorithm {

/// Adds (1/N) * the cohort's sum of the extra vector `name` to `mean`: the
/// step that keeps a server vector equal to the mean over all N clients of a
/// vector each of them stores, when the extra vector is the change of the
/// stored one. It divides by N, not by the cohort's size, and counts a client
/// drawn several times (`multiplicity`) once, because it stores one vector.
/// An absent sum (nobody was admitted) leaves `mean` alone. Cost: O(d).
void AddChangeOverAllClients(const ServerContext& context,
                             const std::string& name,
                             std::span<double> mean);

/// Returns the vector `name` of a checkpoint for a method called `kind`.
/// Throws: RunError when it is absent or has not `size` entries.
std::vector<double> Restored(const server::State& state,
                             std::string_view kind,
                             const std::string& name,
                             std::size_t size);

}  // namespace fedtorch::algorithm
