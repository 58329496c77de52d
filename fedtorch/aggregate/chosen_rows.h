#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/norms.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Returns the rows of the table, ascending, that have a part in
/// sum_i coefficients[i] y_i, through all mixtures; entries behind the inputs
/// are not looked at.
std::vector<std::int64_t> RowsIn(const Inputs& inputs,
                                 std::span<const double> coefficients);

/// Computes the vector of a combination and, as `kept`, the rows of the table
/// that entered it, for rules that find their coefficients from values:
/// Aggregator::Aggregate does the same for those that need inner products only.
/// Coefficients of references may be left out. Cost: O(nd).
Result Joined(const Inputs& inputs, Combination combination);
/// The same for the mean of the named inputs; for none of them the zero vector.
Result MeanOfRows(const Inputs& inputs, std::span<const std::int64_t> chosen);

/// Holds mean and standard deviation of scores.
struct Spread {
  double mean = 0.0;
  double deviation = 0.0;  ///< 0 where size - ddof < 1
};
Spread SpreadOf(std::span<const double> values, std::int64_t ddof);

}  // namespace fedtorch::aggregate
