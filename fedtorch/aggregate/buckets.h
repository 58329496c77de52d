#pragma once

#include "fedtorch/aggregate/matrix.h"
#include "fedtorch/core/stream.h"

#include <cstdint>

namespace fedtorch::aggregate {

/// Returns the coefficients [ceil(n / size), n] of the means of `size` vectors
/// that follow each other in a random order of n vectors; the last bucket has
/// those that are left and its own mean. Randomness: one shuffle by `stream`.
/// Source: Karimireddy, He, Jaggi 2022, algorithm 1.
Matrix BucketMeans(std::int64_t n, std::int64_t size, core::Stream stream);

/// Returns ceil(n / size).
std::int64_t NumBuckets(std::int64_t n, std::int64_t size);

}  // namespace fedtorch::aggregate
