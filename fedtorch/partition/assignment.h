#pragma once

#include "fedtorch/partition/partitioner.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::partition {

/// Marks a sample that no client owns.
inline constexpr std::int64_t kNobody = -1;

/// Turns the owner of each sample into a split: within a client the samples
/// stand in ascending order, whatever the kind. Samples of `kNobody` are
/// counted in `unassigned`.
/// Cost: two passes over the samples, memory of num_clients + samples.
Split SplitFromOwners(std::span<const std::int64_t> client_of_sample,
                      std::int64_t num_clients);

/// Deals randomly chosen samples: client i gets sizes[i] of them. What is left
/// over stays unassigned. Randomness: the stream (seed, purpose).
/// Requires: the sizes sum to at most num_samples.
Split DealRandomly(std::span<const std::int64_t> sizes,
                   std::int64_t num_samples,
                   std::uint64_t seed,
                   std::string_view purpose);

}  // namespace fedtorch::partition
