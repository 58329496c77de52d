#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/fleet/select/selector.h"

#include <cstdint>
#include <vector>

namespace fedtorch::fleet {

/// Holds what happens to the slow part of a cohort.
struct StragglerOptions {
  /// Share of the cohort that is slow in each round, in [0, 1]; rounded to the
  /// nearest count.
  double fraction = 0.0;
  enum class Policy {
    kDrop,     ///< their work is lost (FedAvg of the FedProx paper)
    kPartial,  ///< they run 1 .. E-1 epochs, uniformly drawn (FedProx)
  } policy = Policy::kDrop;

  static StragglerOptions Read(config::Section& section);
};

/// Says what each member of a cohort does in a round.
struct Assignment {
  std::int64_t client = 0;
  std::int64_t multiplicity = 1;
  /// Epochs to run; 0 = dropped. Never more than the configured epochs.
  std::int64_t epochs = 0;
  bool straggler = false;
};

/// Draws the stragglers of a cohort from the stream (seed, "stragglers",
/// round). With `local_epochs` = 1 a partial straggler still runs its one
/// epoch. Source: Li 2020 (FedProx) and its published code, heterogeneity 3.
std::vector<Assignment> AssignWork(const StragglerOptions& options,
                                   const select::Cohort& cohort,
                                   std::int64_t local_epochs,
                                   std::uint64_t seed,
                                   std::int64_t round);

}  // namespace fedtorch::fleet
