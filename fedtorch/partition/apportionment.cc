#include "fedtorch/partition/apportionment.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::partition {

std::vector<std::int64_t> EqualSizes(std::int64_t total, std::int64_t parts) {
  FEDTORCH_CHECK(parts > 0 && total >= 0, "nothing to divide");
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts),
                                  total / parts);
  for (std::int64_t i = 0; i < total % parts; ++i) {
    ++sizes[static_cast<std::size_t>(i)];
  }
  return sizes;
}

std::vector<std::int64_t> LargestRemainder(std::span<const double> weights,
                                           std::int64_t total) {
  double sum = 0.0;
  for (const double weight : weights) sum += weight;
  FEDTORCH_CHECK(sum > 0.0 && std::isfinite(sum), "weights have no finite sum");

  std::vector<std::int64_t> sizes(weights.size());
  std::vector<double> remainders(weights.size());
  std::int64_t left = total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double quota = weights[i] / sum * static_cast<double>(total);
    sizes[i] = static_cast<std::int64_t>(std::floor(quota));
    remainders[i] = quota - std::floor(quota);
    left -= sizes[i];
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(
      order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return remainders[a] > remainders[b];
      });
  // Rounding can bring the floors above the total by the last digit of a
  // quota; then the parts with the smallest remainders give back.
  for (std::size_t i = 0; left > 0; i = (i + 1) % order.size()) {
    ++sizes[order[i]];
    --left;
  }
  for (std::size_t i = order.size(); left < 0;) {
    i = i == 0 ? order.size() - 1 : i - 1;
    if (sizes[order[i]] == 0) continue;
    --sizes[order[i]];
    ++left;
  }
  return sizes;
}

std::vector<Portion> CutByShares(std::span<const double> shares,
                                 std::int64_t total) {
  std::size_t last = shares.size();
  while (last > 0 && !(shares[last - 1] > 0.0)) --last;
  FEDTORCH_CHECK(last > 0, "all shares are 0");

  std::vector<Portion> portions;
  double cumulative = 0.0;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < last; ++i) {
    cumulative += shares[i];
    const auto cut = static_cast<std::int64_t>(
        std::floor(cumulative * static_cast<double>(total)));
    const std::int64_t end = i + 1 == last ? total : std::min(cut, total);
    if (end > begin) {
      portions.push_back({static_cast<std::int64_t>(i), end - begin});
      begin = end;
    }
  }
  return portions;
}

}  // namespace fedtorch::partition
