// Minimum variance averaging: the mean of the n - f vectors whose squared
// distances from one another add up to least.
//
// Avoids: means of every subset in d coordinates (the sum of the squared
// distances within a subset of m is m times that to its mean, so inner products
// suffice), and sums from which distances are taken off again, which one vector
// far away would leave without digits: sums only grow here.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/selection.h"
#include "fedtorch/aggregate/spectrum.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

// Sums that differ by less are equal up to rounding.
constexpr double kEqual = 1e-12;

// Adds vectors in ascending order, so that of equal subsets the
// lexicographically first is found first; leaves what cannot become better.
class Search {
 public:
  Search(const Matrix& distances, std::int64_t count, double known)
      : distances_(distances),
        count_(static_cast<std::size_t>(count)),
        // Anything up to the known sum, which may be 0, is still to be found.
        limit_(std::max(known * (1.0 + 1e-9),
                        std::numeric_limits<double>::min())) {}

  std::vector<std::int64_t> Run() {
    std::vector<double> towards(static_cast<std::size_t>(distances_.rows()));
    Extend(0, 0.0, towards);
    return best_;
  }

 private:
  // `towards` [n]: how much each vector would add to the sum.
  void Extend(std::int64_t next,
              double sum,
              const std::vector<double>& towards) {
    const std::size_t missing = count_ - taken_.size();
    if (missing == 0) {
      best_ = taken_;
      limit_ = sum * (1.0 - kEqual);
      return;
    }
    std::vector<double> cheapest(
        towards.begin() + static_cast<std::ptrdiff_t>(next), towards.end());
    const auto end = cheapest.begin() + static_cast<std::ptrdiff_t>(missing);
    std::nth_element(cheapest.begin(), end - 1, cheapest.end());
    if (std::accumulate(cheapest.begin(), end, sum) >= limit_) return;
    const std::int64_t last =
        distances_.rows() - static_cast<std::int64_t>(missing);
    for (std::int64_t row = next; row <= last; ++row) {
      const double grown = sum + towards[static_cast<std::size_t>(row)];
      if (grown >= limit_) continue;
      std::vector<double> after = towards;
      for (std::size_t j = 0; j < after.size(); ++j) {
        after[j] += distances_(row, static_cast<std::int64_t>(j));
      }
      taken_.push_back(row);
      Extend(row + 1, grown, after);
      taken_.pop_back();
    }
  }

  const Matrix& distances_;
  std::size_t count_;
  double limit_;
  std::vector<std::int64_t> taken_;
  std::vector<std::int64_t> best_;
};

class Mva final : public Aggregator {
 public:
  explicit Mva(config::Section& section)
      : f_(Tolerance::Read(section)),
        exact_subsets_(section.Real(
            {.name = "exact_subsets",
             .help = "Up to so many subsets of n - f the best one is found; "
                     "beyond, the worst vector is taken away f times."},
            1e5,
            {.min = 1.0})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("mva", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t f = f_.Of(context);
    const Matrix distances = SquaredDistances(geometry, n);
    std::vector<std::int64_t> best = Greedy(distances, f);
    const bool exact = AtMostSubsets(n, f, exact_subsets_);
    if (exact) best = Search(distances, n - f, Sum(distances, best)).Run();
    Combination result;
    result.coefficients = MeanOver(best, geometry.size());
    result.diagnostics["aggregate/exact"] = exact ? 1.0 : 0.0;
    return result;
  }

 private:
  static double Sum(const Matrix& distances,
                    std::span<const std::int64_t> rows) {
    double sum = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) sum += distances(rows[i], rows[j]);
    }
    return sum;
  }

  // Takes the vector farthest from the others away, the last of equals.
  static std::vector<std::int64_t> Greedy(const Matrix& distances,
                                          std::int64_t f) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(distances.rows()));
    std::iota(rows.begin(), rows.end(), 0);
    for (std::int64_t step = 0; step < f; ++step) {
      std::size_t worst = 0;
      double most = -1.0;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        double sum = 0.0;
        for (const std::int64_t other : rows) sum += distances(rows[i], other);
        if (sum >= most) {
          worst = i;
          most = sum;
        }
      }
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(worst));
    }
    return rows;
  }

  Tolerance f_;
  double exact_subsets_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Mva>(section);
}

}  // namespace

extern const Kind kMva;
constinit const Kind kMva{
    .name = "mva",
    .summary = "Mean of the n - f updates with the smallest total variance.",
    .source = "Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2022",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
