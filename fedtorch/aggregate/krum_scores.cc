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

std::vector<double> KrumForm::Scores(const Geometry& geometry,
                                     std::int64_t n,
                                     std::int64_t f) const {
  const std::int64_t count = std::clamp<std::int64_t>(
      n - f - fewer, 0, std::max<std::int64_t>(0, n - 1));
  std::vector<double> scores;
  std::vector<double> others;
  for (std::int64_t i = 0; i < n; ++i) {
    others.clear();
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) others.push_back(Between(geometry, i, j));
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

std::vector<std::int64_t> KrumForm::SelectOneByOne(const Geometry& geometry,
                                                   std::int64_t n,
                                                   std::int64_t f,
                                                   std::int64_t count) const {
  ShrinkingScores shrinking(*this, geometry, n, f);
  std::vector<std::int64_t> selected;
  while (static_cast<std::int64_t>(selected.size()) < count) {
    const std::vector<double> scores = shrinking.Scores();
    const auto best = std::min_element(scores.begin(), scores.end());
    selected.push_back(
        shrinking.left()[static_cast<std::size_t>(best - scores.begin())]);
    shrinking.Remove(selected.back());
  }
  return selected;
}

ShrinkingScores::ShrinkingScores(const KrumForm& form,
                                 const Geometry& geometry,
                                 std::int64_t n,
                                 std::int64_t f)
    : fewer_(form.fewer),
      f_(f),
      left_(static_cast<std::size_t>(n)),
      nearest_(static_cast<std::size_t>(n)) {
  std::iota(left_.begin(), left_.end(), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    auto& others = nearest_[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) others.push_back({form.Between(geometry, i, j), j});
    }
    std::stable_sort(others.begin(),
                     others.end(),
                     [](const Neighbour& a, const Neighbour& b) {
                       return a.distance < b.distance;
                     });
  }
}

std::vector<double> ShrinkingScores::Scores() const {
  const auto size = static_cast<std::int64_t>(left_.size());
  const auto count = static_cast<std::size_t>(
      std::min(std::max<std::int64_t>(size - f_ - fewer_, 1), size - 1));
  std::vector<double> scores;
  for (const std::int64_t row : left_) {
    const auto& others = nearest_[static_cast<std::size_t>(row)];
    double sum = 0.0;
    for (std::size_t k = 0; k < count; ++k) sum += others[k].distance;
    scores.push_back(sum);
  }
  return scores;
}

void ShrinkingScores::Remove(std::int64_t row) {
  std::erase(left_, row);
  for (const std::int64_t other : left_) {
    auto& others = nearest_[static_cast<std::size_t>(other)];
    others.erase(std::find_if(
        others.begin(), others.end(), [row](const Neighbour& neighbour) {
          return neighbour.row == row;
        }));
  }
}

}  // namespace fedtorch::aggregate
