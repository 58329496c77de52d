// CRFL: the new global model is shortened and blurred.
//
// Avoids: clipping the mean update, where it is the model that must stay in a
// ball. What the paper also does at test time - a vote of many blurred copies
// of the last model, from which its certificates come - is no part of a rule
// and is not done here, nor is the last round left without noise.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/gaussian_noise.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(nd).
class Crfl final : public Aggregator {
 public:
  explicit Crfl(config::Section& section)
      : radius_(section.Real(
            {.name = "rho",
             .help = "Length to which a longer global model is shortened, "
                     "before it has grown."},
            2.0,
            {.min = 0.0, .open_min = true})),
        growth_(section.Real(
            {.name = "rho_growth",
             .help = "What each round adds to rho, the first one included."},
            0.1,
            {.min = 0.0})),
        largest_(section.OptionalReal(
            {.name = "rho_max",
             .help = "Largest length that rho grows to; null = none."},
            {.min = 0.0, .open_min = true})),
        noise_(section.Real(
            {.name = "noise",
             .help = "Standard deviation of the normal noise added to every "
                     "coordinate of the model.",
             .aliases = {"sigma"}},
            0.01,
            {.min = 0.0})) {}

  // Throws: RunError where the context has no model.
  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::vector<double> equal(
        static_cast<std::size_t>(inputs.size() + inputs.num_references()),
        1.0 / static_cast<double>(inputs.size()));
    Result result;
    result.vector = inputs.Combine(equal);
    if (context.model.size() != result.vector.size()) {
      throw core::RunError("crfl needs the global model of " +
                           std::to_string(result.vector.size()) +
                           " values, which it clips; found one of " +
                           std::to_string(context.model.size()));
    }
    double squares = 0.0;
    for (std::size_t k = 0; k < result.vector.size(); ++k) {
      result.vector[k] += context.model[k];
      squares += result.vector[k] * result.vector[k];
    }
    const double norm = std::sqrt(squares);
    const double factor = ClippingFactor(norm, RadiusOf(context.round));
    for (double& value : result.vector) value *= factor;
    AddGaussianNoise(noise_, "crfl", context, result.vector);
    for (std::size_t k = 0; k < result.vector.size(); ++k) {
      result.vector[k] -= context.model[k];
    }
    result.diagnostics["aggregate/model_norm"] = norm;
    return result;
  }

 private:
  double RadiusOf(std::int64_t round) const {
    const double radius = radius_ + growth_ * static_cast<double>(round);
    return largest_ ? std::min(radius, *largest_) : radius;
  }

  double radius_;
  double growth_;
  std::optional<double> largest_;
  double noise_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Crfl>(section);
}

}  // namespace

extern const Kind kCrfl;
constinit const Kind kCrfl{
    .name = "crfl",
    .summary =
        "Adds the mean update to the model, shortens the model to a length "
        "that grows with the rounds, and adds normal noise; without the "
        "smoothed vote at test time.",
    .source = "Xie, Chen, Chen, Li 2021, algorithm 1",
    .preconditions = "n >= 1; the global model is known",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
