#pragma once

#include "fedtorch/attack/attack.h"
#include "fedtorch/round/global_model.h"
#include "fedtorch/round/workers.h"
#include "fedtorch/round/world.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::round {

/// Returns what an attack must know of the data before the first round.
/// Brightness is that of bytes 255 and 0, or, where images are numbers, the
/// highest and lowest value of each channel in the training samples.
/// `world` must outlive the attack. Cost: for such numbers a pass over them.
attack::Setting AttackSettingOf(const World& world, std::uint64_t seed);

/// Measures how often the global model does what an attacker wants on the
/// central test set: samples that the target counts, shown as it presents them.
/// Returns attack/success_rate (share of the predictions; left out where none
/// counts) and attack/samples (predictions that counted). A text counts by
/// position. Cost: one prediction of the samples that count. Randomness: none.
/// Threads: chunks of `batch_size` samples in parallel, joined in order; same
/// result for any number of workers. Requires: a test set.
std::vector<std::pair<std::string, double>> AttackSuccess(
    Workers& workers,
    const GlobalModel& model,
    const World& world,
    const attack::Target& target,
    std::int64_t batch_size);

}  // namespace fedtorch::round
