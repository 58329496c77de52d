// FLAME: the majority cluster by cosine, clipped to the median norm, and noise.
//
// Avoids: clustering with the running statistics of batch norms (they are no
// part of the vectors), a median over the admitted only (it runs over all),
// noise scaled by each layer's spread, and cosines of models formed from their
// products, which are all the same digits where models hardly differ.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/clustering.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/stream.h"

#include <cmath>

namespace fedtorch::aggregate {
namespace {

constexpr const char* kClipNorm = "clip_norm";

class Flame final : public Aggregator {
 public:
  explicit Flame(config::Section& section)
      : lambda_(section.Real(
            {.name = "lambda",
             .help = "Standard deviation of the noise as a share of the median "
                     "norm; 0 = none."},
            0.001,
            {.min = 0.0})) {}

  std::vector<std::vector<double>> References(
      const Inputs&, const Context& context) const override {
    if (context.model.empty()) return {};
    return {{context.model.begin(), context.model.end()}};
  }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    const std::int64_t n = inputs.size();
    std::vector<double> norms;
    for (std::int64_t i = 0; i < n; ++i) {
      norms.push_back(std::sqrt(geometry.SquaredNorm(i)));
    }
    const double bound = MedianOf(norms);
    Combination result;
    result.coefficients =
        ClippedMean(norms,
                    MajorityCluster(CosineDistances(
                        geometry,
                        n,
                        geometry.size() > n ? std::optional(n) : std::nullopt)),
                    bound);
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    result.diagnostics[kClipNorm] = bound;
    return result;
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    Result result = Aggregator::Aggregate(inputs, context);
    const double deviation = lambda_ * result.diagnostics[kClipNorm];
    if (deviation == 0.0) return result;
    core::Stream stream = core::Stream::Named(
        context.seed, "flame", {static_cast<std::uint64_t>(context.round)});
    for (double& value : result.vector) value += deviation * stream.Normal();
    return result;
  }

 private:
  double lambda_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Flame>(section);
}

}  // namespace

extern const Kind kFlame;
constinit const Kind kFlame{
    .name = "flame",
    .summary =
        "Mean of the majority cluster by cosine distance of the models (of the "
        "updates where the model is unknown), clipped to the median norm of "
        "all, with Gaussian noise.",
    .source = "Nguyen et al. 2022, algorithm 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
