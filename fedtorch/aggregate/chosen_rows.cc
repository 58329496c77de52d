#include "fedtorch/aggregate/chosen_rows.h"

#include "fedtorch/aggregate/selection.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fedtorch::aggregate {

std::vector<std::int64_t> RowsIn(const Inputs& inputs,
                                 std::span<const double> coefficients) {
  std::vector<double> base(static_cast<std::size_t>(inputs.num_base_rows()));
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    const double factor = coefficients[static_cast<std::size_t>(i)];
    if (factor == 0.0) continue;
    const std::vector<double> row = inputs.BaseCoefficients(i);
    for (std::size_t k = 0; k < base.size(); ++k) base[k] += factor * row[k];
  }
  std::vector<std::int64_t> rows;
  for (std::size_t k = 0; k < base.size(); ++k) {
    if (base[k] != 0.0) rows.push_back(static_cast<std::int64_t>(k));
  }
  return rows;
}

Result Joined(const Inputs& inputs, Combination combination) {
  Result result;
  std::vector<double>& coefficients = combination.coefficients;
  result.kept = RowsIn(inputs, coefficients);
  coefficients.resize(
      static_cast<std::size_t>(inputs.size() + inputs.num_references()));
  result.vector = inputs.Combine(coefficients);
  result.scores = std::move(combination.scores);
  result.diagnostics = std::move(combination.diagnostics);
  return result;
}

Result MeanOfRows(const Inputs& inputs, std::span<const std::int64_t> chosen) {
  if (chosen.empty()) {
    const auto count = static_cast<std::size_t>(inputs.size());
    return Joined(inputs, {.coefficients = std::vector<double>(count)});
  }
  return Joined(inputs, {.coefficients = MeanOver(chosen, inputs.size())});
}

Spread SpreadOf(std::span<const double> values, std::int64_t ddof) {
  Spread spread;
  if (values.empty()) return spread;
  for (const double value : values) spread.mean += value;
  spread.mean /= static_cast<double>(values.size());
  const std::int64_t divisor = static_cast<std::int64_t>(values.size()) - ddof;
  if (divisor < 1) return spread;
  // Scaled, since the squares of huge values leave the numbers.
  double largest = 0.0;
  for (const double value : values) {
    largest = std::max(largest, std::fabs(value - spread.mean));
  }
  if (largest == 0.0) return spread;
  double sum = 0.0;
  for (const double value : values) {
    const double part = (value - spread.mean) / largest;
    sum += part * part;
  }
  spread.deviation = largest * std::sqrt(sum / static_cast<double>(divisor));
  return spread;
}

}  // namespace fedtorch::aggregate
