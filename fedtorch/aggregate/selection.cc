#include "fedtorch/aggregate/selection.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <numeric>

namespace fedtorch::aggregate {

std::vector<std::int64_t> Smallest(std::span<const double> values,
                                   std::int64_t count) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return values[static_cast<std::size_t>(a)] <
           values[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(count));
  return order;
}

std::vector<double> MeanOver(std::span<const std::int64_t> rows,
                             std::int64_t size) {
  FEDTORCH_CHECK(!rows.empty(), "a mean of no rows");
  std::vector<double> coefficients(static_cast<std::size_t>(size));
  for (const std::int64_t row : rows) {
    coefficients[static_cast<std::size_t>(row)] =
        1.0 / static_cast<double>(rows.size());
  }
  return coefficients;
}

bool AtMostSubsets(std::int64_t n, std::int64_t k, double limit) {
  double count = 1.0;
  for (std::int64_t i = 1; i <= std::min(k, n - k); ++i) {
    count *= static_cast<double>(n - std::min(k, n - k) + i) /
             static_cast<double>(i);
    // Grows with i, so that it may stop early, before it overflows.
    if (count > limit * (1.0 + 1e-9)) return false;
  }
  return count <= limit * (1.0 + 1e-9);
}

}  // namespace fedtorch::aggregate
