#include "fedtorch/aggregate/norms.h"

#include "fedtorch/core/errors.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

constexpr std::size_t kBlock = 4096;  // columns summed by one task
constexpr std::size_t kLanes = 16;

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
      std::size_t k = part % blocks * kBlock;
      const std::size_t last = std::min(width, k + kBlock);
      const auto* row = rows[part / blocks];
      // Several sums, because one would wait for itself.
      double sums[kLanes] = {};
      for (; k + kLanes <= last; k += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          sums[lane] += term(static_cast<double>(row[k + lane]), k + lane);
        }
      }
      double sum = 0.0;
      for (; k < last; ++k) sum += term(static_cast<double>(row[k]), k);
      for (const double lane : sums) sum += lane;
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

std::vector<double> Norms(const Inputs& inputs) {
  if (inputs.is_plain()) return NormsByValue(inputs);
  std::vector<double> norms(static_cast<std::size_t>(inputs.size()));
  const Geometry& geometry = inputs.geometry();
  for (std::size_t i = 0; i < norms.size(); ++i) {
    norms[i] = std::sqrt(geometry.SquaredNorm(static_cast<std::int64_t>(i)));
  }
  return norms;
}

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

std::vector<double> SquaredDistancesTo(const Inputs& inputs,
                                       std::span<const double> vector) {
  FEDTORCH_CHECK(static_cast<std::int64_t>(vector.size()) == inputs.dimension(),
                 "a distance needs a vector as long as the rows");
  return RowSums(inputs, [vector](double value, std::size_t k) {
    return (value - vector[k]) * (value - vector[k]);
  });
}

std::vector<double> DistancesTo(const Inputs& inputs,
                                std::span<const double> vector) {
  return Roots(SquaredDistancesTo(inputs, vector));
}

double ClippingFactor(double norm, double radius) {
  return norm > radius ? radius / norm : 1.0;
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

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const std::size_t size = values.size();
  return 0.5 * values[(size - 1) / 2] + 0.5 * values[size / 2];
}

}  // namespace fedtorch::aggregate
