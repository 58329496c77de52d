#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::partition {

/// Divides `total` into `parts` that differ by at most 1, larger ones first.
std::vector<std::int64_t> EqualSizes(std::int64_t total, std::int64_t parts);

/// Divides `total` in proportion to weights >= 0 (not all 0): floor of each
/// quota, then one more for the largest remainders, the first of equals.
/// Each part differs from its quota by less than 1. Cost: one sort.
std::vector<std::int64_t> LargestRemainder(std::span<const double> weights,
                                           std::int64_t total);

/// Holds how many samples of a class go to a client.
struct Portion {
  std::int64_t client;
  std::int64_t count;
};

/// Cuts `total` samples at the floor of the cumulative sum of shares (which
/// sum to 1); what rounding leaves goes to the last client with a positive
/// share. Returns the clients that get something, in ascending order.
std::vector<Portion> CutByShares(std::span<const double> shares,
                                 std::int64_t total);

}  // namespace fedtorch::partition
