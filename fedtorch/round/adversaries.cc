#include "fedtorch/round/adversaries.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/round/attack_evaluation.h"

#include <algorithm>
#include <string>

namespace fedtorch::round {

void StartAttack(Experiment& experiment, const World& world) {
  if (!experiment.attack.present()) return;
  if (!world.corpus.test && experiment.attack.attack->target() != nullptr &&
      experiment.evaluation.central) {
    throw core::ConfigError(
        "attack: its success is measured on a test set, and the data have "
        "none; use another dataset or eval.central=false");
  }
  const bool tampers =
      experiment.attack.name != "none" && !experiment.attack.attack->crafts();
  if (tampers && world.execution.stacked) {
    throw core::ConfigError(
        "attack: " + experiment.attack.name +
        " works inside the adversaries' training, which clients that are "
        "stacked do together; use runtime.executor=client_major");
  }
  experiment.attack.attack->Start(AttackSettingOf(world, experiment.seed));
  const std::int64_t clients = world.num_clients();
  const std::int64_t cohort = experiment.selector->uses_cohort_size()
                                  ? experiment.CohortSize(clients)
                                  : clients;
  const std::string obstacle = experiment.attack.attack->Obstacle(
      cohort, experiment.attack.DeclaredF(cohort, clients));
  if (!obstacle.empty()) throw core::ConfigError("attack: " + obstacle);
}

}  // namespace fedtorch::round
