#pragma once

#include <cstdint>
#include <span>

namespace fedtorch::attack {

/// Adds mean + deviation * N(0, 1) to every entry.
/// Randomness: stream (seed, "attack", round, client, part) for each part of
/// 65536 entries. Threads: parallel over parts, same bits for any number.
void AddNormal(std::uint64_t seed,
               std::int64_t round,
               std::int64_t client,
               double mean,
               double deviation,
               std::span<double> vector);

}  // namespace fedtorch::attack
