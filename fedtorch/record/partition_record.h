#pragma once

#include "fedtorch/partition/client_split.h"
#include "fedtorch/partition/partitioner.h"
#include "fedtorch/partition/skew.h"

#include <string>
#include <string_view>

namespace fedtorch::record {

/// Holds what partition.json is made from.
struct PartitionRecord {
  std::string_view kind;  ///< name of the partitioner
  const partition::Split& split;
  const partition::ClientSplit& sets;
  const partition::ClassCounts& counts;  ///< of the whole shards
  const partition::Skew& skew;
};

/// Formats partition.json: the hash of the whole partition, how skewed it is,
/// and one line a client with its sizes, the SHA-256 of its sample indices (8
/// bytes each, little endian, in order) and its samples of each class.
/// Classes are left out, with a note, when there are more than 1000 of them
/// (texts, where a class is a token).
/// Cost: O(samples) time, O(clients * classes present) text.
std::string PartitionJson(const PartitionRecord& record);

}  // namespace fedtorch::record
