#include "fedtorch/aggregate/clipped_rows.h"

#include "fedtorch/core/errors.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

constexpr std::size_t kBlock = 4096;  // columns summed by one task

// Sums term(value, column) along every row: blocks in any order, their sums in
// the order of the columns.
template <class Term>
std::vector<double> RowSums(const Inputs& inputs, const Term& term) {
  const UpdateTable& table = inputs.table();
  const auto width = static_cast<std::size_t>(table.dimension);
  const std::size_t blocks = (width + kBlock - 1) / kBlock;
  const auto n = static_cast<std::size_t>(inputs.size());
  std::vector<double> parts(n * blocks);
  table.Visit([&](auto rows) {
    tbb::parallel_for(std::size_t{0}, parts.size(), [&](std::size_t part) {
      const std::size_t first = part % blocks * kBlock;
      const std::size_t last = std::min(width, first + kBlock);
      const auto* row = rows[part / blocks];
      double sum = 0.0;
      for (std::size_t k = first; k < last; ++k) {
        sum += term(static_cast<double>(row[k]), k);
      }
      parts[part] = sum;
    });
  });
  std::vector<double> sums(n);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    sums[part / blocks] += parts[part];
  }
  return sums;
}

std::vector<double> Roots(std::vector<double> squares) {
  for (double& value : squares) value = std::sqrt(value);
  return squares;
}

}  // namespace

std::vector<double> NormsByValue(const Inputs& inputs) {
  return Roots(
      RowSums(inputs, [](double value, std::size_t) { return value * value; }));
}

std::vector<double> Products(const Inputs& inputs,
                             std::span<const double> vector) {
  FEDTORCH_CHECK(static_cast<std::int64_t>(vector.size()) == inputs.dimension(),
                 "a product needs a vector as long as the rows");
  return RowSums(inputs, [vector](double value, std::size_t k) {
    return value * vector[k];
  });
}

std::vector<double> DistancesTo(const Inputs& inputs,
                                std::span<const double> vector) {
  FEDTORCH_CHECK(static_cast<std::int64_t>(vector.size()) == inputs.dimension(),
                 "a distance needs a vector as long as the rows");
  return Roots(RowSums(inputs, [vector](double value, std::size_t k) {
    return (value - vector[k]) * (value - vector[k]);
  }));
}

std::vector<double> ClippedMean(std::span<const double> norms,
                                std::span<const std::int64_t> kept,
                                double bound) {
  std::vector<double> coefficients(norms.size());
  for (const std::int64_t row : kept) {
    coefficients[static_cast<std::size_t>(row)] =
        ClippingFactor(norms[static_cast<std::size_t>(row)], bound) /
        static_cast<double>(kept.size());
  }
  return coefficients;
}

}  // namespace fedtorch::aggregate
