#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/round/global_model.h"
#include "fedtorch/round/workers.h"
#include "fedtorch/round/world.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::round {

/// Answers a defence from samples that the server itself holds, with the
/// model, the local work and the engine of the run, for one round.
/// Randomness: as a client with the number after the last one.
/// Threads: one caller; it uses the first worker.
class RootData final : public aggregate::ServerData {
 public:
  /// All references must live longer.
  RootData(const Experiment& experiment,
           const World& world,
           Workers& workers,
           const GlobalModel& model,
           std::int64_t round,
           double lr);

  std::vector<double> OwnUpdate() override;
  double Loss(std::span<const double> update) override;
  aggregate::Matrix OutputsOnNoise(std::span<const double> update,
                                   std::int64_t count,
                                   std::uint64_t seed) override;

 private:
  // Puts global + update into the session of a worker.
  void Load(Worker& worker, std::span<const double> update) const;

  const Experiment& experiment_;
  const World& world_;
  Workers& workers_;
  const GlobalModel& model_;
  std::int64_t round_;
  double lr_;
};

}  // namespace fedtorch::round
