#include "fedtorch/metric/attack_success.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::metric {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double AttackSuccess::Rate() const {
  return count_ == 0 ? kNotANumber
                     : static_cast<double>(hits_) / static_cast<double>(count_);
}

SuccessOverRounds SummariseSuccess(std::span<const double> rates,
                                   std::int64_t recent) {
  FEDTORCH_CHECK(recent >= 1, "at least one round");
  if (rates.empty()) return {kNotANumber, kNotANumber, kNotANumber};
  SuccessOverRounds result;
  result.last = rates.back();
  result.best = rates.front();
  for (const double rate : rates) {
    // A maximum would pass over a NaN that is not the first.
    if (std::isnan(rate) || rate > result.best) result.best = rate;
    if (std::isnan(rate)) break;
  }
  const std::size_t count =
      std::min(rates.size(), static_cast<std::size_t>(recent));
  for (const double rate : rates.last(count)) result.recent_mean += rate;
  result.recent_mean /= static_cast<double>(count);
  return result;
}

}  // namespace fedtorch::metric
