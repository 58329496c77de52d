#include "fedtorch/round/rehearsal.h"

#include "fedtorch/round/adversaries.h"
#include "fedtorch/round/evaluation.h"
#include "fedtorch/round/sync_round.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace fedtorch::round {

Estimate Rehearse(Experiment& experiment) {
  const World world = BuildWorld(experiment);
  // One stack is computed at a time, whatever the number of workers.
  const std::int64_t parallel =
      world.execution.stacked ? 1 : WorkerCount(experiment);
  Estimate estimate;
  estimate.num_clients = world.num_clients();
  estimate.cohort = experiment.CohortSize(world.num_clients());
  estimate.parameters = world.network.num_parameters();
  estimate.client_updates = estimate.cohort * experiment.rounds;
  estimate.data_bytes = world.corpus.train.memory_bytes();
  if (world.corpus.test)
    estimate.data_bytes += world.corpus.test->memory_bytes();

  double steps = 0.0;
  for (std::int64_t client = 0; client < world.num_clients(); ++client) {
    steps += static_cast<double>(experiment.work.StepsOf(
        world.client_sets.train.SizeOf(client), experiment.work.epochs));
  }
  const double mean_steps = steps / static_cast<double>(world.num_clients());
  estimate.client_steps = static_cast<std::int64_t>(
      mean_steps * static_cast<double>(estimate.client_updates));

  // The probe is a whole round in small, with a model of its own; one worker,
  // so that the time of a step is that of one core. A stack has its speed only
  // when it is full.
  Workers workers(1, experiment, world);
  client::StateStore store(std::size_t{1} << 30,
                           std::filesystem::temp_directory_path());
  const auto configured = experiment.clients_per_round;
  experiment.clients_per_round = std::min<std::int64_t>(
      std::max<std::int64_t>(2, world.execution.wave), estimate.cohort);
  experiment.method->Start(
      static_cast<std::size_t>(world.network.num_parameters()));
  StartAttack(experiment, world);
  // A cohort of two may be less than the defence can serve.
  experiment.fail_on_unservable = false;
  GlobalModel model = GlobalModel::Initial(world.network, experiment.seed);
  SyncRound rounds(experiment, world, workers, store);
  const auto start = std::chrono::steady_clock::now();
  const RoundReport report = rounds.Run(1, &model);
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  experiment.clients_per_round = configured;

  const auto probed = static_cast<std::int64_t>(report.clients.size());
  if (report.num_steps() > 0) {
    estimate.seconds_per_step =
        elapsed.count() / static_cast<double>(report.num_steps());
  }
  estimate.train_seconds = estimate.seconds_per_step *
                           static_cast<double>(estimate.client_steps) /
                           static_cast<double>(parallel);
  if (probed > 0) {
    estimate.up_bytes = report.up_bytes / probed * estimate.client_updates;
    estimate.down_bytes = report.down_bytes / probed * estimate.client_updates;
  }
  estimate.state_bytes =
      static_cast<std::int64_t>(experiment.method->state_names().size() *
                                sizeof(float)) *
      world.network.num_parameters() * world.num_clients();
  return estimate;
}

}  // namespace fedtorch::round
