#pragma once

#include "fedtorch/client/state_store.h"
#include "fedtorch/record/checkpoint.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/round/global_model.h"
#include "fedtorch/round/world.h"

#include <cstdint>
#include <string>

namespace fedtorch::round {

/// Writes everything that lives from round to round into a checkpoint.
/// Streams have no state, so nothing random has to be kept.
void SaveState(record::CheckpointFolder& folder,
               std::int64_t round,
               const std::string& config_hash,
               const Experiment& experiment,
               const World& world,
               const GlobalModel& model,
               const client::StateStore& store);

/// Restores what `SaveState` wrote. Throws: RunError when sizes do not fit.
void RestoreState(const record::LoadedCheckpoint& checkpoint,
                  Experiment& experiment,
                  GlobalModel* model,
                  client::StateStore& store);

/// Returns the model as named arrays in float32 (and int64 counters), the
/// shapes as in torch: dense [out, in], convolution [out, in, height, width].
record::ModelArrays ModelArraysOf(const model::Network& network,
                                  const GlobalModel& model);

}  // namespace fedtorch::round
