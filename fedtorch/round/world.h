#pragma once

#include "fedtorch/data/reader.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/model/network.h"
#include "fedtorch/partition/client_split.h"
#include "fedtorch/partition/partitioner.h"
#include "fedtorch/round/execution.h"
#include "fedtorch/round/experiment.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::round {

/// Holds what a run works on: the samples, who owns them, and the network that
/// fits them. Immutable once built, so that all workers may read it.
struct World {
  data::Corpus corpus;
  /// What the server holds back to choose settings on, if anything.
  std::optional<data::Dataset> validation;
  /// Training samples that the server itself holds a copy of.
  std::vector<std::int64_t> root;
  partition::Split split;              ///< all samples of each client
  partition::ClientSplit client_sets;  ///< the same, cut into sets
  model::InputSpec input;
  model::Network network;
  engine::EngineFacts engine;  ///< which path trains it
  Execution execution;         ///< where, and how many clients at once
  std::vector<double> shares;  ///< p_i = n_i / n over training samples, [N]

  std::int64_t num_clients() const { return split.shards.num_clients(); }
  /// Training samples of all clients.
  std::int64_t num_samples() const {
    return static_cast<std::int64_t>(client_sets.train.indices.size());
  }
};

/// Loads the data and splits it. Throws: DataError, ConfigError.
World BuildWorld(const Experiment& experiment);

/// Describes the input that a dataset offers to a model.
model::InputSpec InputOf(const data::Dataset& dataset);

}  // namespace fedtorch::round
