#include "fedtorch/fleet/stragglers.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <cmath>

namespace fedtorch::fleet {

StragglerOptions StragglerOptions::Read(config::Section& section) {
  StragglerOptions options;
  options.fraction = section.Real(
      {.name = "fraction",
       .help = "Share of each cohort that is slow, rounded to whole clients.",
       .aliases = {"drop_percent"}},
      0.0,
      {.min = 0.0, .max = 1.0});
  const std::string policy = section.Choice(
      {.name = "policy",
       .help = "drop = the work of stragglers is lost; partial = they run 1 "
               "to E-1 of the E local epochs."},
      {"drop", "partial"},
      "drop");
  options.policy = policy == "partial" ? Policy::kPartial : Policy::kDrop;
  return options;
}

std::vector<Assignment> AssignWork(const StragglerOptions& options,
                                   const select::Cohort& cohort,
                                   std::int64_t local_epochs,
                                   std::uint64_t seed,
                                   std::int64_t round) {
  FEDTORCH_CHECK(options.fraction >= 0.0 && options.fraction <= 1.0,
                 "fraction must lie in [0, 1]");
  FEDTORCH_CHECK(local_epochs >= 1, "at least one local epoch");
  FEDTORCH_CHECK(cohort.clients.size() == cohort.multiplicity.size(),
                 "one multiplicity a client");
  std::vector<Assignment> assignments;
  assignments.reserve(cohort.clients.size());
  for (std::size_t i = 0; i < cohort.clients.size(); ++i) {
    assignments.push_back({.client = cohort.clients[i],
                           .multiplicity = cohort.multiplicity[i],
                           .epochs = local_epochs});
  }
  const auto size = static_cast<std::int64_t>(assignments.size());
  const std::int64_t slow =
      std::llround(options.fraction * static_cast<double>(size));
  core::Stream stream = core::Stream::Named(
      seed, "stragglers", {static_cast<std::uint64_t>(round)});
  for (const std::int64_t slot : stream.SampleWithoutReplacement(size, slow)) {
    Assignment& assignment = assignments[static_cast<std::size_t>(slot)];
    assignment.straggler = true;
    if (options.policy == StragglerOptions::Policy::kDrop) {
      assignment.epochs = 0;
    } else if (local_epochs > 1) {
      // numpy's randint(1, E) of the published code excludes E.
      assignment.epochs =
          1 + static_cast<std::int64_t>(
                  stream.Below(static_cast<std::uint64_t>(local_epochs - 1)));
    }
  }
  return assignments;
}

}  // namespace fedtorch::fleet
