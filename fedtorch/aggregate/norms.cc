#include "fedtorch/aggregate/norms.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

constexpr std::size_t kLanes = 16;

}  // namespace

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
      // Several sums, because one would wait for itself.
      double sums[kLanes] = {};
      std::size_t k = 0;
      for (; k + kLanes <= dimension; k += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          const auto value = static_cast<double>(rows[i][k + lane]);
          sums[lane] += value * value;
        }
      }
      double sum = 0.0;
      for (; k < dimension; ++k) {
        const auto value = static_cast<double>(rows[i][k]);
        sum += value * value;
      }
      for (const double lane : sums) sum += lane;
      norms[i] = std::sqrt(sum);
    });
  });
  return norms;
}

double ClippingFactor(double norm, double radius) {
  return norm > radius ? radius / norm : 1.0;
}

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const std::size_t size = values.size();
  return 0.5 * values[(size - 1) / 2] + 0.5 * values[size / 2];
}

}  // namespace fedtorch::aggregate
