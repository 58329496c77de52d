#include "fedtorch/aggregate/krum_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {

KrumForm KrumForm::Read(config::Section& section) {
  KrumForm form;
  form.fewer =
      section.Choice({.name = "neighbors",
                      .help = "Nearest others in a score: n-f-2 as in the "
                              "paper, or n-f-1 as in several libraries."},
                     {"n-f-2", "n-f-1"},
                     "n-f-2") == "n-f-2"
          ? 2
          : 1;
  const std::string distance = section.Choice(
      {.name = "distance",
       .help = "What a score adds up: squared distances as in the paper; plain "
               "or quartic (to the fourth power) to repeat others' tables."},
      {"squared", "plain", "quartic"},
      "squared");
  form.distance = distance == "plain"     ? Distance::kPlain
                  : distance == "quartic" ? Distance::kQuartic
                                          : Distance::kSquared;
  return form;
}

std::string KrumForm::Obstacle(const std::string& name,
                               std::int64_t n,
                               std::int64_t f) const {
  const std::int64_t least = 2 * f + (fewer == 2 ? 3 : 1);
  if (n >= least) return {};
  return name + " needs n >= 2f + " + (fewer == 2 ? "3" : "1") + " = " +
         std::to_string(least) + " updates, found n = " + std::to_string(n) +
         " with f = " + std::to_string(f);
}

double KrumForm::Between(const Geometry& geometry,
                         std::int64_t i,
                         std::int64_t j) const {
  const double squared = geometry.SquaredDistance(i, j);
  switch (distance) {
    case Distance::kPlain:
      return std::sqrt(squared);
    case Distance::kQuartic:
      return squared * squared;
    case Distance::kSquared:
      break;
  }
  return squared;
}

Matrix KrumForm::Distances(const Geometry& geometry, std::int64_t n) const {
  Matrix distances(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + 1; j < n; ++j) {
      distances(i, j) = distances(j, i) = Between(geometry, i, j);
    }
  }
  return distances;
}

std::vector<double> KrumForm::Scores(const Matrix& distances,
                                     std::span<const std::int64_t> rows,
                                     std::int64_t f,
                                     std::int64_t least) const {
  const auto n = static_cast<std::int64_t>(rows.size());
  const std::int64_t count = std::min(std::max(n - f - fewer, least),
                                      std::max<std::int64_t>(0, n - 1));
  std::vector<double> scores;
  std::vector<double> others;
  for (const std::int64_t row : rows) {
    others.clear();
    for (const std::int64_t other : rows) {
      if (other != row) others.push_back(distances(row, other));
    }
    // Sorted, so that the sum does not depend on the order of the rows.
    std::sort(others.begin(), others.end());
    double sum = 0.0;
    for (std::int64_t k = 0; k < count; ++k) {
      sum += others[static_cast<std::size_t>(k)];
    }
    scores.push_back(sum);
  }
  return scores;
}

std::vector<double> KrumForm::Scores(const Geometry& geometry,
                                     std::int64_t n,
                                     std::int64_t f) const {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return Scores(Distances(geometry, n), rows, f, 0);
}

std::vector<std::int64_t> KrumForm::SelectOneByOne(const Geometry& geometry,
                                                   std::int64_t n,
                                                   std::int64_t f,
                                                   std::int64_t count) const {
  const Matrix distances = Distances(geometry, n);
  std::vector<std::int64_t> left(static_cast<std::size_t>(n));
  std::iota(left.begin(), left.end(), 0);
  std::vector<std::int64_t> selected;
  while (static_cast<std::int64_t>(selected.size()) < count) {
    const std::vector<double> scores = Scores(distances, left, f, 1);
    const auto best = std::min_element(scores.begin(), scores.end());
    const auto place = left.begin() + (best - scores.begin());
    selected.push_back(*place);
    left.erase(place);
  }
  return selected;
}

}  // namespace fedtorch::aggregate
