#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/fleet/select/selector.h"

#include <cstdint>
#include <vector>

namespace fedtorch::fleet::select {

/// Returns N, the number of clients there are.
std::int64_t Population(const Input& input);

/// Checks 1 <= cohort_size <= N; the reader of the config has refused
/// anything else. Throws: Bug.
void CheckCohortSize(const Input& input);

/// Returns cohort_size / N.
double InclusionRate(const Input& input);

/// Makes the stream of a round's selection: (seed, "select", round).
core::Stream RoundStream(const Input& input);

/// Makes a cohort of client ids in the order drawn, repeats allowed.
Cohort CohortOfDraws(std::vector<std::int64_t> draws);

}  // namespace fedtorch::fleet::select
