#pragma once

#include "fedtorch/aggregate/pipeline.h"
#include "fedtorch/aggregate/weighting.h"
#include "fedtorch/algorithm/method.h"
#include "fedtorch/attack/options.h"
#include "fedtorch/client/local_work.h"
#include "fedtorch/config/section.h"
#include "fedtorch/data/reader.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/fleet/select/selector.h"
#include "fedtorch/fleet/stragglers.h"
#include "fedtorch/model/model.h"
#include "fedtorch/partition/partitioner.h"
#include "fedtorch/round/execution.h"
#include "fedtorch/server/optimizer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::round {

/// Holds the `eval` section.
struct EvaluationOptions {
  std::int64_t every = 1;          ///< rounds; the last round always counts
  bool central = true;             ///< on the data's test set, if it has one
  std::int64_t batch_size = 500;   ///< samples of one chunk
  std::int64_t clients_every = 0;  ///< rounds; 0 = never
  std::optional<std::int64_t> clients_sample;    ///< clients drawn; unset = all
  std::vector<std::string> client_sets{"test"};  ///< train, validation, test
  std::optional<double> target_accuracy;         ///< for rounds_to_target
};

/// Holds shares of every client's samples; they add up to 1.
struct SplitShares {
  double train = 1.0;
  double validation = 0.0;
  double test = 0.0;
};

/// Holds a whole experiment as its config describes it. Nothing is loaded.
struct Experiment {
  std::string name;
  std::uint64_t seed = 0;

  std::unique_ptr<data::Reader> reader;
  std::unique_ptr<partition::Partitioner> partitioner;
  std::string partitioner_name;
  std::int64_t min_samples = 1;
  std::uint64_t partition_seed = 0;
  SplitShares client_split;
  /// Kept of each class in training and in central testing; empty = all.
  std::vector<double> class_shares, test_class_shares;
  double validation_share = 0.0;     ///< of the samples, held by the server

  model::Options model;

  std::int64_t num_clients = 0;  ///< 0 = the data decide (natural)
  std::int64_t rounds = 0;
  std::optional<std::int64_t> clients_per_round;
  std::optional<double> client_fraction;
  std::unique_ptr<fleet::select::Selector> selector;
  fleet::StragglerOptions stragglers;

  client::LocalWork work;
  std::unique_ptr<algorithm::Method> method;
  std::string method_name;

  aggregate::Weighting weighting = aggregate::Weighting::kSamples;
  std::unique_ptr<server::Optimizer> optimizer;
  aggregate::Pipeline defence;
  bool fail_on_nonfinite = false;
  /// Whether a round whose cohort the defence cannot serve ends the run; else
  /// it moves nothing and says so.
  bool fail_on_unservable = false;
  std::int64_t root_samples = 0;  ///< clean samples of the server itself
  attack::Options attack;

  EvaluationOptions evaluation;
  std::string output_dir;
  std::string per_client;             ///< none, summary or all
  std::int64_t checkpoint_every = 0;  ///< rounds; 0 = only when stopped
  std::int64_t checkpoint_keep = 2;
  std::optional<std::int64_t> threads;  ///< unset = all cores
  engine::EngineChoice engine = engine::EngineChoice::kAuto;
  ExecutionOptions execution;
  std::int64_t state_memory_mb = 1024;

  /// Reads every section. While recording, records all kinds. Problems are
  /// collected in the document; pointers of unknown kinds are null then.
  static Experiment Read(config::Section root);

  /// Clients of a round when there are `clients` in all.
  std::int64_t CohortSize(std::int64_t clients) const;
};

}  // namespace fedtorch::round
