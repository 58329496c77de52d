#include "fedtorch/fleet/select/draws.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <string>

namespace fedtorch::fleet::select {

std::int64_t Population(const Input& input) {
  return static_cast<std::int64_t>(input.shares.size());
}

void CheckCohortSize(const Input& input) {
  FEDTORCH_CHECK(
      input.cohort_size >= 1 && input.cohort_size <= Population(input),
      "expected a cohort of 1 to " + std::to_string(Population(input)) +
          " clients, found " + std::to_string(input.cohort_size));
}

double InclusionRate(const Input& input) {
  return static_cast<double>(input.cohort_size) /
         static_cast<double>(Population(input));
}

core::Stream RoundStream(const Input& input) {
  return core::Stream::Named(
      input.seed, "select", {static_cast<std::uint64_t>(input.round)});
}

Cohort CohortOfDraws(std::vector<std::int64_t> draws) {
  std::sort(draws.begin(), draws.end());
  Cohort cohort;
  for (const std::int64_t client : draws) {
    if (!cohort.clients.empty() && cohort.clients.back() == client) {
      ++cohort.multiplicity.back();
    } else {
      cohort.clients.push_back(client);
      cohort.multiplicity.push_back(1);
    }
  }
  return cohort;
}

}  // namespace fedtorch::fleet::select
