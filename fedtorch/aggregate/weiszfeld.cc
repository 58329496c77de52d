#include "fedtorch/aggregate/weiszfeld.h"

#include "fedtorch/aggregate/columns.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace fedtorch::aggregate {
namespace {

double LowerMedian(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Weiszfeld Weiszfeld::Read(config::Section& section) {
  Weiszfeld search;
  const std::string start = section.Choice(
      {.name = "start",
       .help = "Where the search begins: the coordinate median, the mean, the "
               "mean weighted by samples, or zero as in several libraries, "
               "which a few zero updates hold there."},
      {"median", "mean", "weighted_mean", "zero"},
      "median");
  search.start = start == "median"          ? Start::kMedian
                 : start == "mean"          ? Start::kMean
                 : start == "weighted_mean" ? Start::kWeightedMean
                                            : Start::kZero;
  search.nu = section.Real(
      {.name = "nu",
       .help = "Distance below which an update gains no more weight."},
      search.nu,
      {.min = 0.0, .open_min = true});
  search.relative = section.Bool(
      {.name = "relative",
       .help = "Whether nu counts in median distances of the updates from the "
               "current point; otherwise it is a length."},
      search.relative);
  search.iterations =
      section.Int({.name = "iterations", .help = "Most steps of the search."},
                  search.iterations,
                  {.min = 1});
  search.tolerance = section.Real(
      {.name = "tolerance",
       .help = "Share of the median distance that ends the search when a step "
               "is no longer."},
      search.tolerance,
      {.min = 0.0});
  search.max_norm = section.OptionalReal(
      {.name = "max_norm",
       .help = "A result of this length or longer is rejected: the update of "
               "the round is then zero; null = none is."},
      {.min = 0.0, .open_min = true});
  return search;
}

std::vector<std::vector<double>> Weiszfeld::References(
    const Inputs& inputs) const {
  if (start != Start::kMedian) return {};
  std::vector<std::vector<double>> references;
  references.push_back(Medians(inputs.table(), /*lower=*/false));
  return references;
}

Combination Weiszfeld::Combine(const Geometry& geometry,
                               const Inputs& inputs) const {
  const auto n = static_cast<std::size_t>(inputs.size());
  FEDTORCH_CHECK(n >= 1, "a geometric median of no rows");
  std::vector<double> z(static_cast<std::size_t>(geometry.size()));
  switch (start) {
    case Start::kMedian:
      FEDTORCH_CHECK(z.size() > n, "the median is a reference");
      z[n] = 1.0;
      break;
    case Start::kMean:
      std::fill_n(z.begin(), n, 1.0 / static_cast<double>(n));
      break;
    case Start::kWeightedMean:
      for (std::size_t i = 0; i < n; ++i) {
        z[i] = inputs.weight(static_cast<std::int64_t>(i));
      }
      break;
    case Start::kZero:
      break;
  }
  std::int64_t steps = 0;
  std::vector<double> next(z.size());
  while (steps < iterations) {
    std::vector<double> distances = geometry.SquaredDistances(z);
    distances.resize(n);
    for (double& distance : distances) distance = std::sqrt(distance);
    const double median = LowerMedian(distances);
    if (relative && median == 0.0) break;
    const double least = std::max(relative ? nu * median : nu,
                                  std::numeric_limits<double>::min());
    for (double& distance : distances) distance = std::max(distance, least);
    // Counted from the nearest, so that no weight leaves the numbers.
    const double nearest =
        *std::min_element(distances.begin(), distances.end());
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      next[i] = nearest / distances[i];
      sum += next[i];
    }
    for (std::size_t i = 0; i < n; ++i) next[i] /= sum;
    const double step = std::sqrt(geometry.SquaredDistance(next, z));
    z = next;
    ++steps;
    if (step <= tolerance * median) break;
  }
  Combination result;
  result.diagnostics["aggregate/steps"] = static_cast<double>(steps);
  if (max_norm) {
    const bool rejected = std::sqrt(geometry.SquaredLength(z)) >= *max_norm;
    if (rejected) std::fill(z.begin(), z.end(), 0.0);
    result.diagnostics["aggregate/rejected"] = rejected ? 1.0 : 0.0;
  }
  result.coefficients = std::move(z);
  return result;
}

}  // namespace fedtorch::aggregate
