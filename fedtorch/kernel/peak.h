#pragma once

#include <span>

namespace fedtorch::kernel {

/// Measures how many single-precision operations one core can do at most:
/// chains of fused multiply-adds that never leave the registers, by the widest
/// instruction set this processor has. Returns GFLOP/s, two operations a lane
/// and multiply-add, the best of several runs.
/// Cost: about 0.1 s. Threads: one; the others of the machine should rest.
double MeasureFmaPeak();

/// Measures how fast one core adds up `values`; returns GB/s (10^9 bytes), the
/// best of several passes. What is measured is the level of memory that holds
/// them: give it several times the last cache for the main memory.
/// Cost: some passes over the values.
double MeasureReadBandwidth(std::span<const float> values);

}  // namespace fedtorch::kernel
