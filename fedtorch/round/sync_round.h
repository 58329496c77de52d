#pragma once

#include "fedtorch/client/state_store.h"
#include "fedtorch/core/aligned_buffer.h"
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

/// Reports one client of a round.
struct ClientRecord {
  std::int64_t client = 0;
  std::int64_t samples = 0;
  bool straggler = false;
  bool dropped = false;     ///< took no part: straggler under `drop`, no sample
  bool byzantine = false;   ///< an adversary, whatever it does in this round
  bool trained = false;     ///< computed an update of its own
  std::string rejected;     ///< why the update was set aside, or empty
  double weight = 0.0;      ///< effective weight in the mean
  double delta_norm = 0.0;  ///< L2
  std::int64_t multiplicity = 1;
  client::LocalResult result;
};

/// Reports one round; everything but the seconds is deterministic.
struct RoundReport {
  std::int64_t round = 0;
  double lr = 0.0;
  std::vector<ClientRecord> clients;  ///< the cohort, ascending client id
  double train_loss = 0.0;      ///< weighted over admitted clients; NaN if none
  double update_norm = 0.0;     ///< L2 of the aggregated vector
  std::int64_t up_bytes = 0;    ///< sent by clients
  std::int64_t down_bytes = 0;  ///< sent to clients
  std::map<std::string, double> diagnostics;  ///< of the method
  /// What attack and defence did, by metric name; empty without adversaries.
  std::map<std::string, double> robustness;
  std::string skipped;  ///< why the defence could not serve the cohort
  double select_seconds = 0, train_seconds = 0, aggregate_seconds = 0,
         server_seconds = 0, attack_seconds = 0;
  WorkerSeconds worker_seconds;  ///< of all workers together
  std::int64_t num_workers = 1;
  engine::StackedWork stacked_work;  ///< all zero unless clients were stacked

  std::int64_t num_admitted() const;
  std::int64_t num_dropped() const;
  std::int64_t num_rejected() const;
  std::int64_t num_steps() const;
  std::int64_t num_sending() const;    ///< members that sent an update
  std::int64_t num_byzantine() const;  ///< adversaries that took part
};

/// Runs synchronous rounds: select, train, attack, admit, aggregate,
/// server step.
/// Each stage takes values and gives values; only `GlobalModel`, the method's
/// server state, the optimiser and the state store live from round to round.
class SyncRound {
 public:
  SyncRound(Experiment& experiment,
            const World& world,
            Workers& workers,
            client::StateStore& store);

  /// Runs round `round` (from 1) and moves `model`.
  /// Throws: Diverged when the model leaves the finite numbers, or at the
  /// first non-finite update under `server.fail_on_nonfinite`; RunError with
  /// client and round when local training fails.
  RoundReport Run(std::int64_t round, GlobalModel* model);

 private:
  std::vector<ClientRecord> Select(std::int64_t round,
                                   std::vector<std::int64_t>* epochs) const;
  std::vector<double> PlannedWeights(
      std::int64_t round, const std::vector<ClientRecord>& cohort) const;
  void Train(const GlobalModel& model,
             const std::vector<std::int64_t>& epochs,
             const std::vector<double>& weights,
             RoundReport* report);
  void AddAllWaiting();
  // Puts what the adversaries send into their rows of the table.
  void Attack(const GlobalModel& model, RoundReport* report);
  // The rows of some slots, as a rule or an attack sees them.
  aggregate::UpdateTable TableOf(const std::vector<std::size_t>& slots,
                                 const RoundReport& report) const;
  aggregate::Context ContextOf(const GlobalModel& model,
                               const RoundReport& report,
                               std::int64_t masked) const;
  // Joins the admitted rows by the defence.
  std::vector<double> Defend(const std::vector<std::size_t>& admitted,
                             const std::vector<double>& weights,
                             const GlobalModel& model,
                             RoundReport* report);
  void AddMomentum(std::int64_t client, client::Update<float>* update) const;
  std::span<float> TableRow(std::size_t slot) {
    return std::span(table_).subspan(slot * sent_.size(), sent_.size());
  }
  void TrainOne(Worker& worker,
                std::size_t slot,
                std::int64_t epochs,
                double weight,
                RoundReport* report);
  // Rejects an update [d] that could not be added up.
  void Admit(const Worker& worker,
             std::span<const float> delta,
             ClientRecord* record) const;
  void Aggregate(const std::vector<double>& weights,
                 RoundReport* report,
                 GlobalModel* model);

  Experiment& experiment_;
  const World& world_;
  Workers& workers_;
  client::StateStore& store_;

  // Of the round at hand.
  core::AlignedBuffer<float> sent_memory_;
  std::span<float> sent_;          // in it
  std::vector<double> aggregate_;  // of the round; its memory is used again
  std::vector<float> sent_buffers_;
  std::vector<std::int64_t> sent_counters_;
  std::map<std::string, std::vector<float>> broadcast_;
  std::span<const double> last_update_;  // of the model that was sent
  std::vector<float> table_;             // [cohort, d] where a table is needed
  bool uses_table_ = false;
  bool crafting_ = false;  // adversaries craft vectors in this round
  std::vector<aggregate::Block> blocks_;             // of the model
  std::vector<std::vector<std::int64_t>> counters_;  // by slot
};

}  // namespace fedtorch::round
