#pragma once

#include "fedtorch/round/experiment.h"

#include <cstdint>

namespace fedtorch::round {

/// Holds what a short rehearsal found, for `--dry-run`.
struct Estimate {
  std::int64_t num_clients = 0;
  std::int64_t cohort = 0;
  std::int64_t parameters = 0;
  std::int64_t client_updates = 0;  ///< trained over the whole run
  std::int64_t client_steps = 0;    ///< optimiser steps, mean cohort
  std::int64_t up_bytes = 0;        ///< over the whole run
  std::int64_t down_bytes = 0;
  std::int64_t data_bytes = 0;    ///< samples in memory
  std::int64_t state_bytes = 0;   ///< if every client takes part once
  double seconds_per_step = 0.0;  ///< measured on two clients, or one wave
  double train_seconds = 0.0;     ///< of the whole run on all workers
};

/// Loads the data, builds the model and lets up to two clients, or one wave
/// where clients are stacked, train for one round, without writing anything.
/// Throws: what a run would throw.
Estimate Rehearse(Experiment& experiment);

}  // namespace fedtorch::round
