// Spectral filter with a known bound: weights fall along the direction of the
// largest spread until that spread is one that honest vectors may have.
//
// Avoids: the d x d covariance (inner products give the same eigenvalue), and a
// division by 0 where every weight falls at once: then the last mean counts.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/spectrum.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

class FilterL2 final : public Aggregator {
 public:
  explicit FilterL2(config::Section& section)
      : f_(Tolerance::Read(section)),
        sigma_(section.Real(
            {.name = "sigma",
             .help = "Largest variance along any direction that honest updates "
                     "are believed to have.",
             .aliases = {"sigma_filterL2"}},
            std::nullopt,
            {.min = 0.0})),
        expansion_(section.Real(
            {.name = "expansion",
             .help = "It stops when the square of the largest variance is at "
                     "most expansion * sigma^2."},
            20.0,
            {.min = 0.0})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("filter_l2", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    const Matrix distances = SquaredDistances(geometry, n);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<double> shares(rows.size(), 1.0 / static_cast<double>(n));
    const std::int64_t most_passes = 2 * f_.Of(context);
    for (std::int64_t pass = 0; pass < most_passes; ++pass) {
      const DirectedSpread spread = LargestSpread(distances, rows, shares);
      if (spread.variance <= std::sqrt(expansion_) * sigma_) break;
      const double most =
          *std::max_element(spread.squares.begin(), spread.squares.end());
      if (!(most > 0.0)) break;
      std::vector<std::int64_t> left;
      std::vector<double> reduced;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const double share = shares[i] * (1.0 - spread.squares[i] / most);
        if (!(share > 0.0)) continue;
        left.push_back(rows[i]);
        reduced.push_back(share);
      }
      if (left.empty()) break;
      const double total = std::accumulate(reduced.begin(), reduced.end(), 0.0);
      for (double& share : reduced) share /= total;
      rows = std::move(left);
      shares = std::move(reduced);
    }
    Combination result;
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      result.coefficients[static_cast<std::size_t>(rows[i])] = shares[i];
    }
    return result;
  }

 private:
  Tolerance f_;
  double sigma_;
  double expansion_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<FilterL2>(section);
}

}  // namespace

extern const Kind kFilterL2;
constinit const Kind kFilterL2{
    .name = "filter_l2",
    .summary =
        "Mean after weights fell along the largest spread until it kept "
        "a known bound.",
    .source =
        "Steinhardt 2018, chapter 2; the stopping rule of the published "
        "code, lambda^2 <= expansion * sigma^2",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
