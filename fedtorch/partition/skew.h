#pragma once

#include "fedtorch/data/dataset.h"
#include "fedtorch/partition/partitioner.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::partition {

/// Holds how many targets of each class every client has, without the zeros:
/// client i has entries[offsets[i], offsets[i + 1]), ascending in the class.
struct ClassCounts {
  struct Entry {
    std::int64_t label;
    std::int64_t count;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::int64_t num_classes = 0;
  std::vector<std::int64_t> offsets{0};
  std::vector<Entry> entries;

  std::int64_t num_clients() const {
    return static_cast<std::int64_t>(offsets.size()) - 1;
  }
  std::span<const Entry> Of(std::int64_t client) const {
    const auto begin = offsets[static_cast<std::size_t>(client)];
    const auto end = offsets[static_cast<std::size_t>(client) + 1];
    return std::span(entries).subspan(static_cast<std::size_t>(begin),
                                      static_cast<std::size_t>(end - begin));
  }
};

/// Counts targets by client and class. For text each position counts, so that
/// "class" means token. Cost: one pass over the targets; memory of at most one
/// entry a target. Threads: parallel over clients.
ClassCounts CountClasses(const ClientShards& shards,
                         const data::Dataset& dataset);

/// Tells how different the clients of a partition are. With p_i the class law
/// of client i and p that of all clients together:
struct Skew {
  std::int64_t num_clients = 0;
  std::int64_t num_samples = 0;  ///< owned by clients

  // Means over the clients that have samples.
  double classes_present = 0.0;    ///< classes with p_ik > 0
  double label_entropy = 0.0;      ///< H_i = -sum_k p_ik ln p_ik, in nats
  double effective_classes = 0.0;  ///< exp(H_i), in [1, classes_present]
  double top_class_share = 0.0;    ///< max_k p_ik
  double tv_to_global = 0.0;       ///< sum_k |p_ik - p_k| / 2, in [0, 1)

  // Of the numbers of samples, over all clients.
  double mean_size = 0.0;
  double size_cv = 0.0;    ///< standard deviation (population) over mean
  double size_gini = 0.0;  ///< 0 = equal, near 1 = one client has everything
  std::int64_t min_size = 0;
  std::int64_t max_size = 0;
};

/// Measures a partition. Cost: as CountClasses and a sort of the sizes.
Skew MeasureSkew(const ClientShards& shards, const data::Dataset& dataset);
Skew MeasureSkew(const ClientShards& shards, const ClassCounts& counts);

/// Identifies a partition: SHA-256 (hex) of the offsets and then the indices,
/// each as 8 bytes, little endian.
std::string PartitionHash(const ClientShards& shards);

}  // namespace fedtorch::partition
