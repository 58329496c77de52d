// Covariance-bound agnostic filter: weights fall along the direction of the
// largest spread until f vectors' worth of weight is gone twice.
//
// Avoids: power iteration from a random start (another answer at every call),
// no answer for f = 0 or identical inputs, and a loop without end where one
// vector is 1e20 away: every pass sets one weight to exactly 0, vectors of
// weight 0 are not looked at again, and n passes are the most.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/spectrum.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

class Caf final : public Aggregator {
 public:
  explicit Caf(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("caf", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    const auto enough = static_cast<double>(n - 2 * f_.Of(context));
    const Matrix distances = SquaredDistances(geometry, n);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<double> weights(rows.size(), 1.0);
    Combination result;
    double least = std::numeric_limits<double>::infinity();
    std::int64_t passes = 0;
    while (true) {
      const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      // The first pass always counts, so that f = 0 gives the mean.
      if (passes > 0 && total <= enough) break;
      ++passes;
      std::vector<double> shares;
      for (const double weight : weights) shares.push_back(weight / total);
      const DirectedSpread spread = LargestSpread(distances, rows, shares);
      if (spread.variance < least) {
        least = spread.variance;
        result.coefficients.assign(static_cast<std::size_t>(geometry.size()),
                                   0.0);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          result.coefficients[static_cast<std::size_t>(rows[i])] = shares[i];
        }
      }
      const double most =
          *std::max_element(spread.squares.begin(), spread.squares.end());
      if (!(most > 0.0)) break;
      std::vector<std::int64_t> left;
      std::vector<double> reduced;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const double weight = weights[i] * (1.0 - spread.squares[i] / most);
        if (!(weight > 0.0)) continue;
        left.push_back(rows[i]);
        reduced.push_back(weight);
      }
      rows = std::move(left);
      weights = std::move(reduced);
      if (rows.empty()) break;
    }
    result.diagnostics["aggregate/passes"] = static_cast<double>(passes);
    return result;
  }

 private:
  Tolerance f_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Caf>(section);
}

}  // namespace

extern const Kind kCaf;
constinit const Kind kCaf{
    .name = "caf",
    .summary =
        "Mean after weights fell along the largest spread, where that "
        "spread was smallest.",
    .source =
        "Allouah, Guerraoui, Stephan 2025, covariance-bound agnostic "
        "filter",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
