#include "fedtorch/core/errors.h"
#include "fedtorch/metric/classification.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace fedtorch::metric {
namespace {

// Pairs of value and weight, ascending; sums in this order do not depend on
// how the clients were listed.
using Sorted = std::vector<std::pair<double, double>>;

// Sums w (value - origin) / sum w + origin: equal values give exactly that
// value, which a plain mean may miss by a rounding.
template <class Weight>
double MeanAround(double origin,
                  std::span<const std::pair<double, double>> of,
                  Weight weight) {
  double sum = 0.0;
  double total = 0.0;
  for (const auto& entry : of) {
    // Equal infinities have no difference.
    const double difference =
        entry.first == origin ? 0.0 : entry.first - origin;
    sum += weight(entry) * difference;
    total += weight(entry);
  }
  return origin + sum / total;
}

double PlainMean(std::span<const std::pair<double, double>> of) {
  return MeanAround(of.front().first, of, [](const auto&) { return 1.0; });
}

double Quantile(const Sorted& sorted, double level) {
  const double position = level * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const double part = position - static_cast<double>(below);
  const double low = sorted[below].first;
  if (part == 0.0) return low;
  const double high = sorted[below + 1].first;
  if (low == high) return low;  // e.g. both infinite
  return low + part * (high - low);
}

Spread NotDefined(std::int64_t clients) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  return {.clients = clients,
          .mean = kNan,
          .weighted_mean = kNan,
          .std = kNan,
          .min = kNan,
          .p10 = kNan,
          .median = kNan,
          .p90 = kNan,
          .max = kNan,
          .worst10_mean = kNan};
}

}  // namespace

Spread Summarise(std::span<const double> values,
                 std::span<const double> weights,
                 Worst worst) {
  FEDTORCH_CHECK(values.size() == weights.size(), "one weight a value");
  const auto clients = static_cast<std::int64_t>(values.size());
  Sorted sorted;
  sorted.reserve(values.size());
  bool ordered = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sorted.emplace_back(values[i], weights[i]);
    ordered &= !std::isnan(values[i]) && !std::isnan(weights[i]);
  }
  if (sorted.empty() || !ordered) return NotDefined(clients);
  std::sort(sorted.begin(), sorted.end());

  Spread spread;
  spread.clients = clients;
  spread.mean = PlainMean(sorted);
  spread.weighted_mean =
      MeanAround(sorted.front().first, sorted, [](const auto& entry) {
        return entry.second;
      });
  double squares = 0.0;
  for (const auto& entry : sorted) {
    squares += (entry.first - spread.mean) * (entry.first - spread.mean);
  }
  spread.std = std::sqrt(squares / static_cast<double>(sorted.size()));
  spread.min = sorted.front().first;
  spread.p10 = Quantile(sorted, 0.1);
  spread.median = Quantile(sorted, 0.5);
  spread.p90 = Quantile(sorted, 0.9);
  spread.max = sorted.back().first;
  const std::size_t tenth = std::max<std::size_t>(1, sorted.size() / 10);
  const std::span<const std::pair<double, double>> all(sorted);
  spread.worst10_mean =
      PlainMean(worst == Worst::kLowest ? all.first(tenth) : all.last(tenth));
  return spread;
}

}  // namespace fedtorch::metric
