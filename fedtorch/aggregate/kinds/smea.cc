// Smallest maximum eigenvalue averaging: the mean of the n - f vectors whose
// covariance has the smallest largest eigenvalue.
//
// Avoids: one power iteration from a random start (another answer at every
// call, an error for identical inputs), eigenvalues of d x d or of re-centred
// d-dimensional subsets. The eigenvalue is exact and comes from the m x m
// products of a subset.
//
// Search. A vector less never makes the largest eigenvalue of the scatter
// larger, and it cannot fall below the second largest. Nor can it fall below
// the scatter along a fixed direction. Both bound what removals can still
// reach, before any eigenvalue of a subset is computed.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/selection.h"
#include "fedtorch/aggregate/spectrum.h"

#include <Eigen/Dense>

#include <algorithm>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

// Eigenvalues that differ by less are equal up to rounding.
constexpr double kEqual = 1e-11;
// Subsets times squared size beyond which the search would take minutes.
constexpr double kMostWork = 1e9;
// Products with a vector that may show a subset to be worse.
constexpr int kMostPowers = 12;

Eigen::MatrixXd Scatter(const Matrix& distances,
                        std::span<const std::int64_t> rows) {
  const std::vector<double> shares(rows.size(),
                                   1.0 / static_cast<double>(rows.size()));
  const Matrix products = CentredProducts(distances, rows, shares);
  Eigen::MatrixXd scatter(products.rows(), products.rows());
  for (std::int64_t i = 0; i < products.rows(); ++i) {
    for (std::int64_t j = 0; j < products.rows(); ++j) {
      scatter(i, j) = products(i, j);
    }
  }
  return scatter;
}

// Takes vectors away in descending order, so that what is left comes in
// lexicographic order and the first of equal subsets is found first.
class Search {
 public:
  Search(const Matrix& distances, std::int64_t count, double known)
      : distances_(distances),
        count_(static_cast<std::size_t>(count)),
        limit_(std::max(known * (1.0 + 1e-9),
                        std::numeric_limits<double>::min())) {}

  std::vector<std::int64_t> Run() {
    std::vector<std::int64_t> all(static_cast<std::size_t>(distances_.rows()));
    std::iota(all.begin(), all.end(), 0);
    Visit(all, 0);
    return best_;
  }

 private:
  void Take(const std::vector<std::int64_t>& rows, double value) {
    if (value >= limit_) return;
    best_ = rows;
    limit_ = value * (1.0 - kEqual);
  }

  // Places before `first` in `rows` stay.
  void Visit(const std::vector<std::int64_t>& rows, std::size_t first) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
        Scatter(distances_, rows));
    const auto size = static_cast<Eigen::Index>(rows.size());
    const double top = std::max(0.0, solver.eigenvalues()(size - 1));
    const std::size_t removals = rows.size() - count_;
    if (removals == 0) {
      Take(rows, top);
      return;
    }
    // Rounding must not cut the best subset off.
    const double slack = 1.0 - 1e-9;
    const auto next = static_cast<Eigen::Index>(removals);
    if (solver.eigenvalues()(size - 1 - next) * slack >= limit_) return;
    const Eigen::VectorXd direction = solver.eigenvectors().col(size - 1);
    if (top * SmallestScatter(direction) * slack >= limit_) return;
    for (std::size_t place = rows.size() - removals + 1; place-- > first;) {
      const double here = direction(static_cast<Eigen::Index>(place));
      std::vector<std::int64_t> fewer = rows;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(place));
      if (removals > 1) {
        Visit(fewer, place);
        continue;
      }
      // What the direction of all of `rows` says of the others.
      const double share = static_cast<double>(size) /
                           static_cast<double>(size - 1) * here * here;
      if (top * (1.0 - share) * slack >= limit_) continue;
      if (!IsWorse(fewer, direction, place)) Visit(fewer, place);
    }
  }

  // The least scatter that `count_` of the numbers can have; they lie side by
  // side when sorted.
  double SmallestScatter(const Eigen::VectorXd& numbers) const {
    std::vector<double> sorted(numbers.data(), numbers.data() + numbers.size());
    std::sort(sorted.begin(), sorted.end());
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t start = 0; start + count_ <= sorted.size(); ++start) {
      double sum = 0.0;
      for (std::size_t k = 0; k < count_; ++k) sum += sorted[start + k];
      const double mean = sum / static_cast<double>(count_);
      double scatter = 0.0;
      for (std::size_t k = 0; k < count_; ++k) {
        scatter += (sorted[start + k] - mean) * (sorted[start + k] - mean);
      }
      least = std::min(least, scatter);
    }
    return least;
  }

  // Whether a few powers already lift the eigenvalue of `rows` above the best;
  // the quotient of any vector is a lower bound.
  bool IsWorse(const std::vector<std::int64_t>& rows,
               const Eigen::VectorXd& direction,
               std::size_t place) const {
    const Eigen::MatrixXd scatter = Scatter(distances_, rows);
    Eigen::VectorXd vector(scatter.rows());
    for (Eigen::Index k = 0, from = 0; from < direction.size(); ++from) {
      if (from == static_cast<Eigen::Index>(place)) continue;
      vector(k++) = direction(from);
    }
    for (int power = 0; power < kMostPowers; ++power) {
      const double length = vector.norm();
      if (!(length > 0.0)) return false;
      vector /= length;
      const Eigen::VectorXd next = scatter * vector;
      if (vector.dot(next) * (1.0 - 1e-9) >= limit_) return true;
      vector = next;
    }
    return false;
  }

  const Matrix& distances_;
  std::size_t count_;
  double limit_;
  std::vector<std::int64_t> best_;
};

class Smea final : public Aggregator {
 public:
  explicit Smea(config::Section& section)
      : f_(Tolerance::Read(section)),
        exact_subsets_(section.Real(
            {.name = "exact_subsets",
             .help = "Up to so many subsets of n - f, and 10^9 / (n - f)^2, "
                     "the best one is found; beyond, the vector that lies "
                     "farthest along the largest spread is taken away f "
                     "times."},
            1e5,
            {.min = 1.0})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("smea", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t f = f_.Of(context);
    const Matrix distances = SquaredDistances(geometry, n);
    std::vector<std::int64_t> best = Greedy(distances, f);
    const auto size = static_cast<double>(n - f);
    const bool exact =
        f == 0 ||
        AtMostSubsets(
            n, f, std::min(exact_subsets_, kMostWork / (size * size)));
    if (exact && f > 0) {
      const double known = Value(distances, best);
      const std::vector<std::int64_t> found =
          Search(distances, n - f, known).Run();
      if (!found.empty()) best = found;
    }
    Combination result;
    result.coefficients = MeanOver(best, geometry.size());
    result.diagnostics["aggregate/exact"] = exact ? 1.0 : 0.0;
    return result;
  }

 private:
  static double Value(const Matrix& distances,
                      std::span<const std::int64_t> rows) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
        Scatter(distances, rows), Eigen::EigenvaluesOnly);
    return std::max(0.0, solver.eigenvalues().maxCoeff());
  }

  // Of vectors that lie equally far, the last goes.
  static std::vector<std::int64_t> Greedy(const Matrix& distances,
                                          std::int64_t f) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(distances.rows()));
    std::iota(rows.begin(), rows.end(), 0);
    for (std::int64_t step = 0; step < f; ++step) {
      const std::vector<double> shares(rows.size(),
                                       1.0 / static_cast<double>(rows.size()));
      const std::vector<double> squares =
          LargestSpread(distances, rows, shares).squares;
      const double most = *std::max_element(squares.begin(), squares.end());
      std::size_t worst = squares.size() - 1;
      while (squares[worst] < most * (1.0 - kEqual)) --worst;
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(worst));
    }
    return rows;
  }

  Tolerance f_;
  double exact_subsets_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Smea>(section);
}

}  // namespace

extern const Kind kSmea;
constinit const Kind kSmea{
    .name = "smea",
    .summary =
        "Mean of the n - f updates whose largest spread along any "
        "direction is smallest.",
    .source = "Allouah, Guerraoui, Gupta, Pinot, Stephan 2023",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
