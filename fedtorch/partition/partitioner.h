#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/data/dataset.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::partition {

/// Lists the samples of every client: client i owns
/// indices[offsets[i], offsets[i + 1]).
struct ClientShards {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> indices;

  std::int64_t num_clients() const {
    return static_cast<std::int64_t>(offsets.size()) - 1;
  }
  std::span<const std::int64_t> Of(std::int64_t client) const {
    const auto begin = offsets[static_cast<std::size_t>(client)];
    const auto end = offsets[static_cast<std::size_t>(client) + 1];
    return std::span(indices).subspan(static_cast<std::size_t>(begin),
                                      static_cast<std::size_t>(end - begin));
  }
  std::int64_t SizeOf(std::int64_t client) const {
    return static_cast<std::int64_t>(Of(client).size());
  }
};

/// Holds what a partitioner is asked.
struct Input {
  const data::Dataset& dataset;
  /// Number of clients wanted; 0 lets a kind that knows it decide (natural).
  std::int64_t num_clients = 0;
  /// Clients with fewer samples than this are not allowed.
  std::int64_t min_samples = 1;
  std::uint64_t seed = 0;
};

/// Holds a partition. No sample belongs to two clients.
struct Split {
  ClientShards shards;
  /// Samples that no client owns, e.g. the remainder of equal shards.
  std::int64_t unassigned = 0;
  /// Standard deviation of Gaussian noise added to client i's normalised
  /// features; empty = none.
  std::vector<double> feature_noise;
  /// Names of the clients where data brings them (natural); empty otherwise.
  std::vector<std::string> client_names;
};

/// Decides who owns which sample. Deterministic in the seed on every machine.
class Partitioner {
 public:
  virtual ~Partitioner() = default;
  /// Splits the training samples.
  /// Throws: ConfigError when the request cannot be met (for example
  /// min_samples in 100 tries), saying what to change.
  virtual Split Partition(const Input& input) const = 0;
  /// True when the kind derives the number of clients from the data.
  virtual bool knows_num_clients() const { return false; }
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<Partitioner> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::partition
