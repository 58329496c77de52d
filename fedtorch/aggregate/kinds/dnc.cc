// Divide and conquer: on a random part of the coordinates, vectors that lie
// farthest along the direction of the largest spread are dropped; who survives
// every repetition enters the mean.
//
// Avoids: an answer of 0 where nobody survives every repetition (then those who
// survive most often enter), a singular value decomposition of n x b values
// (the n x n products have the same directions), and coordinates drawn anew at
// every call.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/selection.h"
#include "fedtorch/aggregate/spectrum.h"
#include "fedtorch/core/stream.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

constexpr std::int64_t kBlock = 1024;  // coordinates gathered at a time

class Dnc final : public Aggregator {
 public:
  explicit Dnc(config::Section& section)
      : f_(Tolerance::Read(section)),
        coordinates_(section.Real(
            {.name = "coordinates",
             .help = "Coordinates that a repetition looks at: up to 1 a share "
                     "of all, above 1 a number."},
            10000.0,
            {.min = 0.0, .open_min = true})),
        iterations_(
            section.Int({.name = "iterations",
                         .help = "Repetitions that a vector must survive.",
                         .aliases = {"niters", "num_iters"}},
                        5,
                        {.min = 1, .max = 1000000})),
        factor_(section.Real(
            {.name = "filter_factor",
             .help = "Each repetition drops filter_factor * f vectors, rounded "
                     "down.",
             .aliases = {"filter_frac"}},
            1.0,
            {.min = 0.0})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    if (n > 2 * declared && Dropped(declared) < static_cast<double>(n)) {
      return {};
    }
    return "dnc needs n > 2f = " + std::to_string(2 * declared) +
           " updates and more than filter_factor * f, found n = " +
           std::to_string(n) + " with f = " + std::to_string(declared);
  }
  bool needs_declared_f() const override { return !f_.given(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t d = inputs.dimension();
    const auto kept = n - static_cast<std::int64_t>(Dropped(f_.Of(context)));
    const std::int64_t count = Count(d);
    core::Stream stream = core::Stream::Named(
        context.seed, "dnc", {static_cast<std::uint64_t>(context.round)});
    std::vector<std::int64_t> survived(static_cast<std::size_t>(n));
    // All coordinates are the same every time.
    const std::int64_t repetitions = count < d ? iterations_ : 1;
    for (std::int64_t k = 0; k < repetitions; ++k) {
      std::vector<std::int64_t> picks =
          stream.SampleWithoutReplacement(d, count);
      std::sort(picks.begin(), picks.end());
      for (const std::int64_t row : Smallest(Scores(inputs, picks), kept)) {
        ++survived[static_cast<std::size_t>(row)];
      }
    }
    const std::int64_t most =
        *std::max_element(survived.begin(), survived.end());
    std::vector<std::int64_t> rows;
    Combination combination;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t times = survived[static_cast<std::size_t>(i)];
      if (times == most) rows.push_back(i);
      combination.scores.push_back(static_cast<double>(times) /
                                   static_cast<double>(repetitions));
    }
    combination.coefficients = MeanOver(rows, n);
    return Joined(inputs, std::move(combination));
  }

 private:
  double Dropped(std::int64_t f) const {
    // Lets 0.1 * 30 be 3.
    return std::floor(factor_ * static_cast<double>(f) * (1.0 + 1e-12));
  }

  std::int64_t Count(std::int64_t d) const {
    const double wanted =
        coordinates_ <= 1.0 ? std::round(coordinates_ * static_cast<double>(d))
                            : std::round(coordinates_);
    if (wanted >= static_cast<double>(d)) return d;
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted));
  }

  // Squared places of the inputs along the direction of the largest spread of
  // the coordinates `picks`, up to a common factor.
  static std::vector<double> Scores(const Inputs& inputs,
                                    std::span<const std::int64_t> picks) {
    const std::int64_t n = inputs.size();
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(n, n);
    inputs.table().Visit([&](auto rows) {
      const auto width = static_cast<std::int64_t>(picks.size());
      for (std::int64_t first = 0; first < width; first += kBlock) {
        const std::int64_t size = std::min(kBlock, width - first);
        Eigen::MatrixXd part(n, size);
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t k = 0; k < size; ++k) {
            part(i, k) = static_cast<double>(rows[static_cast<std::size_t>(
                i)][picks[static_cast<std::size_t>(first + k)]]);
          }
        }
        // Twice, since the first mean of a vector far away is rounded.
        part.rowwise() -= part.colwise().mean().eval();
        part.rowwise() -= part.colwise().mean().eval();
        gram.noalias() += part * part.transpose();
      }
    });
    Matrix products(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        products(i, j) = 0.5 * (gram(i, j) + gram(j, i));
      }
    }
    // The place of input i is u_i times a length common to all.
    const Eigenpair top = TopEigenpair(products);
    if (top.value == 0.0) {
      return std::vector<double>(static_cast<std::size_t>(n));
    }
    std::vector<double> scores = top.vector;
    for (double& score : scores) score *= score;
    return scores;
  }

  Tolerance f_;
  double coordinates_;
  std::int64_t iterations_;
  double factor_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Dnc>(section);
}

}  // namespace

extern const Kind kDnc;
constinit const Kind kDnc{
    .name = "dnc",
    .summary =
        "Mean of the updates that never lie farthest along the largest "
        "spread of random coordinates.",
    .source = "Shejwalkar, Houmansadr 2021, algorithm 2",
    .preconditions = "n > 2f and n > filter_factor * f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
