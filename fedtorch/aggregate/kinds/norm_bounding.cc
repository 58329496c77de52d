// Norm bounding: updates are shortened, averaged, and blurred.
//
// Avoids: noise before the mean, which the mean takes away again, and a
// division by the length of a zero vector.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/gaussian_noise.h"
#include "fedtorch/aggregate/norms.h"

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. A weighted sum only without noise, so that whoever asks
/// for coefficients gets the whole truth or none. Cost: O(nd).
class NormBounding final : public Aggregator {
 public:
  explicit NormBounding(config::Section& section)
      : radius_(section.Real(
            {.name = "max_norm",
             .help = "Length to which a longer update is shortened.",
             .aliases = {"M"}},
            3.0,
            {.min = 0.0, .open_min = true})),
        noise_(section.Real(
            {.name = "noise",
             .help = "Standard deviation of the normal noise added to every "
                     "coordinate of the mean."},
            0.002,
            {.min = 0.0})) {}

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    if (noise_ > 0.0) return std::nullopt;
    Combination result;
    result.coefficients = Coefficients(inputs);
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    return result;
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    std::vector<double> coefficients = Coefficients(inputs);
    std::int64_t clipped = 0;
    for (const double factor : coefficients) {
      if (factor < 1.0 / static_cast<double>(inputs.size())) ++clipped;
    }
    coefficients.resize(
        static_cast<std::size_t>(inputs.size() + inputs.num_references()));
    Result result;
    result.vector = inputs.Combine(coefficients);
    AddGaussianNoise(noise_, "norm_bounding", context, result.vector);
    result.diagnostics["aggregate/clipped_share"] =
        static_cast<double>(clipped) / static_cast<double>(inputs.size());
    return result;
  }

 private:
  std::vector<double> Coefficients(const Inputs& inputs) const {
    std::vector<double> coefficients;
    for (const double norm : Norms(inputs)) {
      coefficients.push_back(ClippingFactor(norm, radius_) /
                             static_cast<double>(inputs.size()));
    }
    return coefficients;
  }

  double radius_;
  double noise_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<NormBounding>(section);
}

}  // namespace

extern const Kind kNormBounding;
constinit const Kind kNormBounding{
    .name = "norm_bounding",
    .summary =
        "Mean of the updates shortened to a fixed length, with normal noise "
        "added.",
    .source = "Sun, Kairouz, Suresh, McMahan 2019, section 5",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
