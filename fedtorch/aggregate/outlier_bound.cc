#include "fedtorch/aggregate/outlier_bound.h"

#include "fedtorch/aggregate/chosen_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

constexpr double kRounding = 1e-9;

}  // namespace

std::vector<std::int64_t> InnermostRows(const Geometry& geometry,
                                        std::int64_t n) {
  const std::int64_t count = std::max<std::int64_t>(1, (n + 1) / 2 - 1);
  std::vector<double> scores;
  std::vector<double> others;
  for (std::int64_t i = 0; i < n; ++i) {
    others.clear();
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) others.push_back(geometry.SquaredDistance(i, j));
    }
    std::sort(others.begin(), others.end());
    double sum = 0.0;
    for (std::int64_t k = 0; k < std::min(count, n - 1); ++k) {
      sum += others[static_cast<std::size_t>(k)];
    }
    scores.push_back(sum);
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return scores[static_cast<std::size_t>(a)] <
           scores[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(std::min(count, n)));
  std::sort(order.begin(), order.end());
  return order;
}

double OutlierBound(std::span<const double> scores, double sigmas) {
  const Spread spread = SpreadOf(scores, 1);
  return spread.mean + sigmas * spread.deviation +
         kRounding * std::fabs(spread.mean);
}

}  // namespace fedtorch::aggregate
