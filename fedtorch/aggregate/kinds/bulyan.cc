// Bulyan: vectors chosen by Krum one by one, then for every coordinate the mean
// of the chosen values nearest to their median.
//
// Avoids: distances computed anew after every choice, row numbers of the
// shrunken set taken for those of the whole, and as many values kept in the
// second stage as were chosen, so that it does nothing.
#include "fedtorch/aggregate/krum_scores.h"
#include "fedtorch/aggregate/selection.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

// Coordinates a task takes at once.
constexpr std::size_t kBlock = 512;

// Finds the mean of the values nearest to their median; scratch is reused.
class NearMedian {
 public:
  explicit NearMedian(std::size_t count)
      : values_(count), sorted_(count), nearest_(count) {}

  std::span<double> values() { return values_; }

  double Mean(std::size_t kept) {
    sorted_ = values_;
    const std::size_t half = sorted_.size() / 2;
    const auto middle = sorted_.begin() + static_cast<std::ptrdiff_t>(half);
    std::nth_element(sorted_.begin(), middle, sorted_.end());
    double median = *middle;
    if (sorted_.size() % 2 == 0) {
      median = 0.5 * (median + *std::max_element(sorted_.begin(), middle));
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
      nearest_[i] = {std::fabs(values_[i] - median), i};
    }
    // Pairs are compared by row where distances are equal.
    const auto end = nearest_.begin() + static_cast<std::ptrdiff_t>(kept);
    if (kept < nearest_.size()) {
      std::nth_element(nearest_.begin(), end, nearest_.end());
    }
    std::size_t used = 0;
    for (auto place = nearest_.begin(); place != end; ++place) {
      sorted_[used++] = values_[place->second];
    }
    // Sorted, so that the sum does not depend on the order of the rows.
    const auto last = sorted_.begin() + static_cast<std::ptrdiff_t>(used);
    std::sort(sorted_.begin(), last);
    double sum = 0.0;
    for (auto value = sorted_.begin(); value != last; ++value) sum += *value;
    return sum / static_cast<double>(kept);
  }

 private:
  std::vector<double> values_;
  std::vector<double> sorted_;
  std::vector<std::pair<double, std::size_t>> nearest_;
};

class Bulyan final : public Aggregator {
 public:
  explicit Bulyan(config::Section& section)
      : f_(Tolerance::Read(section)),
        form_(KrumForm::Read(section)),
        averages_(section.Choice(
                      {.name = "selection",
                       .help = "What the first stage chooses: n - 2f vectors, "
                               "each the best by Krum of those left, or "
                               "n - 2f - 2 averages of what multi_krum keeps "
                               "of those left."},
                      {"krum", "multi_krum"},
                      "krum") == "multi_krum") {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    const std::int64_t least = 4 * declared + 3;
    if (n >= least) return {};
    return "bulyan needs n >= 4f + 3 = " + std::to_string(least) +
           " updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(declared);
  }
  bool needs_declared_f() const override { return !f_.given(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t f = f_.Of(context);
    const std::int64_t count = n - 2 * f - (averages_ ? 2 : 0);
    const Geometry& geometry = inputs.geometry();
    Result result;
    result.scores = form_.Scores(geometry, n, f);
    const Inputs selected = averages_
                                ? inputs.Mixed(Averages(geometry, n, f, count))
                                : inputs.Select(Choices(geometry, n, f, count));
    result.kept = Kept(selected);
    result.vector.resize(static_cast<std::size_t>(inputs.dimension()));
    selected.table().Visit([&](auto rows) {
      NearMedians(rows, static_cast<std::size_t>(count - 2 * f), result.vector);
    });
    return result;
  }

 private:
  std::vector<std::int64_t> Choices(const Geometry& geometry,
                                    std::int64_t n,
                                    std::int64_t f,
                                    std::int64_t count) const {
    std::vector<std::int64_t> rows =
        form_.SelectOneByOne(geometry, n, f, count);
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  // Row k: the mean of the best of those that k choices left.
  Matrix Averages(const Geometry& geometry,
                  std::int64_t n,
                  std::int64_t f,
                  std::int64_t count) const {
    Matrix means(count, n);
    ShrinkingScores shrinking(form_, geometry, n, f);
    for (std::int64_t k = 0; k < count; ++k) {
      const std::vector<std::int64_t> best =
          Smallest(shrinking.Scores(), n - k - f - 2);
      for (const std::int64_t place : best) {
        means(k, shrinking.left()[static_cast<std::size_t>(place)]) =
            1.0 / static_cast<double>(best.size());
      }
      shrinking.Remove(
          shrinking.left()[static_cast<std::size_t>(best.front())]);
    }
    return means;
  }

  static std::vector<std::int64_t> Kept(const Inputs& selected) {
    std::vector<char> used(static_cast<std::size_t>(selected.num_base_rows()));
    for (std::int64_t i = 0; i < selected.size(); ++i) {
      const std::vector<double> row = selected.BaseCoefficients(i);
      for (std::size_t k = 0; k < row.size(); ++k) {
        if (row[k] != 0.0) used[k] = 1;
      }
    }
    std::vector<std::int64_t> kept;
    for (std::size_t k = 0; k < used.size(); ++k) {
      if (used[k] != 0) kept.push_back(static_cast<std::int64_t>(k));
    }
    return kept;
  }

  template <class Real>
  static void NearMedians(std::span<const Real* const> rows,
                          std::size_t kept,
                          std::span<double> out) {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, out.size(), kBlock),
        [&](const tbb::blocked_range<std::size_t>& range) {
          NearMedian column(rows.size());
          for (std::size_t k = range.begin(); k < range.end(); ++k) {
            for (std::size_t i = 0; i < rows.size(); ++i) {
              column.values()[i] = static_cast<double>(rows[i][k]);
            }
            out[k] = column.Mean(kept);
          }
        });
  }

  Tolerance f_;
  KrumForm form_;
  bool averages_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Bulyan>(section);
}

}  // namespace

extern const Kind kBulyan;
constinit const Kind kBulyan{
    .name = "bulyan",
    .summary =
        "Mean, for every coordinate, of the values nearest to the "
        "median among updates that Krum chose one by one.",
    .source =
        "El Mhamdi, Guerraoui, Rouault 2018, algorithm 2; averages as in "
        "Damaskinos et al. 2019",
    .preconditions = "n >= 4f + 3",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
