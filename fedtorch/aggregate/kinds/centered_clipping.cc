// Centred clipping: steps from a reference, no update pulling farther than tau.
//
// Avoids: a reference that is forgotten between rounds and checkpoints, a
// division by a distance of 0, and not-a-numbers of huge updates. What it
// cannot avoid: f huge updates move each step by up to f tau / n, so tau must
// fit the length of the updates (and of their momentum).
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"
#include "fedtorch/aggregate/norms.h"

#include <cmath>

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(n^2 d).
class CenteredClipping final : public Aggregator {
 public:
  explicit CenteredClipping(config::Section& section)
      : tau_(section.Real(
            {.name = "tau",
             .help = "Farthest that one update pulls, as a distance from the "
                     "reference."},
            10.0,
            {.min = 0.0, .open_min = true})),
        iterations_(
            section.Int({.name = "iterations", .help = "Steps of a round."},
                        3,
                        {.min = 1})) {
    const std::string start = section.Choice(
        {.name = "start",
         .help = "Reference that a round begins with: the result of the round "
                 "before (zero in the first one) as in the paper, always zero, "
                 "or the coordinate median of the updates."},
        {"previous", "zero", "median"},
        "previous");
    start_ = start == "previous" ? Start::kPrevious
             : start == "zero"   ? Start::kZero
                                 : Start::kMedian;
  }

  std::vector<std::vector<double>> References(const Inputs& inputs,
                                              const Context&) const override {
    if (start_ == Start::kMedian) {
      return {Medians(inputs.table(), /*lower=*/false)};
    }
    if (reference_.empty()) return {};
    return {reference_};
  }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    const auto n = static_cast<std::size_t>(inputs.size());
    std::vector<double> v(static_cast<std::size_t>(geometry.size()));
    if (v.size() > n) v[n] = 1.0;
    std::size_t clipped = 0;
    std::vector<double> pulls(n);
    for (std::int64_t step = 0; step < iterations_; ++step) {
      const std::vector<double> distances = geometry.SquaredDistances(v);
      double sum = 0.0;
      clipped = 0;
      for (std::size_t i = 0; i < n; ++i) {
        pulls[i] = ClippingFactor(std::sqrt(distances[i]), tau_) /
                   static_cast<double>(n);
        sum += pulls[i];
        clipped += distances[i] > tau_ * tau_ ? 1 : 0;
      }
      for (double& coefficient : v) coefficient *= 1.0 - sum;
      for (std::size_t i = 0; i < n; ++i) v[i] += pulls[i];
    }
    Combination result;
    result.coefficients = std::move(v);
    result.diagnostics["aggregate/clipped_share"] =
        static_cast<double>(clipped) / static_cast<double>(n);
    return result;
  }

  void Remember(const Inputs&, const Context&, const Result& result) override {
    if (start_ == Start::kPrevious) reference_ = result.vector;
  }
  State SaveState() const override {
    if (reference_.empty()) return {};
    return {{"reference", reference_}};
  }
  void LoadState(const State& state) override {
    const auto found = state.find("reference");
    reference_ = found == state.end() ? std::vector<double>() : found->second;
  }

 private:
  enum class Start { kPrevious, kZero, kMedian };

  double tau_;
  std::int64_t iterations_;
  Start start_ = Start::kPrevious;
  std::vector<double> reference_;  // [d], or empty for zero
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<CenteredClipping>(section);
}

}  // namespace

extern const Kind kCenteredClipping;
constinit const Kind kCenteredClipping{
    .name = "centered_clipping",
    .summary =
        "Moves a reference, kept from round to round, by the mean of the "
        "differences to the updates, each shortened to tau.",
    .source = "Karimireddy, He, Jaggi 2021, algorithm 2",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
