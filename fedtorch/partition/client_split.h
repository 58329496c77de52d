#pragma once

#include "fedtorch/partition/partitioner.h"

#include <cstdint>

namespace fedtorch::partition {

/// Holds the parts of every client's samples; all three list the same clients,
/// and together they hold each sample exactly once.
struct ClientSplit {
  ClientShards train;
  ClientShards validation;
  ClientShards test;
};

/// Splits the samples of each client at random. The counts of a client are
/// the largest-remainder rounding of its fractions; a client with any sample
/// has at least one for training. Within a part samples stand in the order of
/// the shard.
/// Requires: fractions in [0, 1] that sum to 1, train > 0.
/// Randomness: (seed, "client_split", client). Threads: parallel over clients.
ClientSplit SplitClients(const ClientShards& shards,
                         double train,
                         double validation,
                         double test,
                         std::uint64_t seed);

}  // namespace fedtorch::partition
