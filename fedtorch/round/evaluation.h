#pragma once

#include "fedtorch/client/state_store.h"
#include "fedtorch/metric/classification.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/round/global_model.h"
#include "fedtorch/round/workers.h"
#include "fedtorch/round/world.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::round {

/// Holds one client's result on one of its sets.
struct ClientScore {
  std::int64_t client = 0;
  std::int64_t samples = 0;
  double loss = 0.0;      ///< nats, mean over predictions
  double accuracy = 0.0;  ///< share of correct predictions
};

/// Holds what one evaluation found.
struct EvaluationReport {
  /// Metric name to value, in the order of a metrics line; e.g.
  /// "test/accuracy", "clients/test/accuracy/worst10_mean".
  std::vector<std::pair<std::string, double>> metrics;
  /// Set name to one score a client.
  std::map<std::string, std::vector<ClientScore>> clients;
  double seconds = 0.0;
};

/// Measures the global model on the central test set and on the clients' own
/// samples, in chunks of `eval.batch_size`, in parallel. Chunks are fixed by
/// index and joined in order, so the result does not depend on the threads.
class Evaluation {
 public:
  Evaluation(const Experiment& experiment,
             const World& world,
             Workers& workers,
             const client::StateStore& store)
      : experiment_(experiment),
        world_(world),
        workers_(workers),
        store_(store) {}

  /// Tells whether anything is due after round `round` (0 = before the first).
  bool IsDue(std::int64_t round) const;
  EvaluationReport Run(std::int64_t round, const GlobalModel& model);

 private:
  void Central(const GlobalModel& model,
               const data::Dataset& test,
               std::unique_ptr<client::BatchReader> Worker::*reader,
               const std::string& name,
               EvaluationReport* report);
  void OnClients(std::int64_t round,
                 const GlobalModel& model,
                 const std::string& set,
                 EvaluationReport* report);
  bool CentralIsDue(std::int64_t round) const;
  bool ClientsAreDue(std::int64_t round) const;

  const Experiment& experiment_;
  const World& world_;
  Workers& workers_;
  const client::StateStore& store_;
};

}  // namespace fedtorch::round
