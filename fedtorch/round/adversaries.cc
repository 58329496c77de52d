#include "fedtorch/round/adversaries.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <string>

namespace fedtorch::round {

void StartAttack(Experiment& experiment, const World& world) {
  if (!experiment.attack.present()) return;
  const data::Dataset& train = world.corpus.train;
  attack::Setting setting;
  setting.shape = train.shape;
  setting.num_classes = train.num_classes;
  setting.tokens = train.type == data::FeatureType::kInt64;
  setting.seed = experiment.seed;
  for (std::size_t c = 0; c < std::max<std::size_t>(1, train.mean.size());
       ++c) {
    const float mean = train.mean.empty() ? 0.0F : train.mean[c];
    const float std = train.std.empty() ? 1.0F : train.std[c];
    setting.dark.push_back((0.0F - mean) / std);
    setting.bright.push_back((1.0F - mean) / std);
  }
  experiment.attack.attack->Start(setting);
  const std::int64_t clients = world.num_clients();
  const std::int64_t cohort = experiment.selector->uses_cohort_size()
                                  ? experiment.CohortSize(clients)
                                  : clients;
  const std::string obstacle = experiment.attack.attack->Obstacle(
      cohort, experiment.attack.DeclaredF(cohort, clients));
  if (!obstacle.empty()) throw core::ConfigError("attack: " + obstacle);
}

}  // namespace fedtorch::round
