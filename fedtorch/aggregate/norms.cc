#include "fedtorch/aggregate/norms.h"

#include "fedtorch/core/errors.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {

std::vector<double> Norms(const Inputs& inputs) {
  std::vector<double> norms(static_cast<std::size_t>(inputs.size()));
  if (!inputs.is_plain()) {
    const Geometry& geometry = inputs.geometry();
    for (std::size_t i = 0; i < norms.size(); ++i) {
      norms[i] = std::sqrt(geometry.SquaredNorm(static_cast<std::int64_t>(i)));
    }
    return norms;
  }
  const auto dimension = static_cast<std::size_t>(inputs.dimension());
  inputs.table().Visit([&](auto rows) {
    tbb::parallel_for(std::size_t{0}, norms.size(), [&](std::size_t i) {
      // Four sums, because one would wait for itself.
      double sums[4] = {};
      for (std::size_t k = 0; k < dimension; ++k) {
        const auto value = static_cast<double>(rows[i][k]);
        sums[k % 4] += value * value;
      }
      norms[i] = std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
    });
  });
  return norms;
}

double ClippingFactor(double norm, double radius) {
  return norm > radius ? radius / norm : 1.0;
}

double MedianOf(std::span<const double> values) {
  FEDTORCH_CHECK(!values.empty(), "a median of no values");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t size = sorted.size();
  return 0.5 * sorted[(size - 1) / 2] + 0.5 * sorted[size / 2];
}

}  // namespace fedtorch::aggregate
