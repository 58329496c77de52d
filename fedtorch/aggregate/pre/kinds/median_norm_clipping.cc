// Clipping to the median length: the stage of FLAME and SignGuard.
//
// Avoids: a median over those already admitted, where it is of all, and a
// division by 0 where most updates are zero.
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/aggregate/pre/preaggregator.h"

namespace fedtorch::aggregate::pre {
namespace {

class MedianNormClipping final : public PreAggregator {
 public:
  Matrix Mix(const Inputs& inputs, const Context&) const override {
    const std::vector<double> norms = Norms(inputs);
    const double radius = MedianOf(norms);
    Matrix coefficients(inputs.size(), inputs.size());
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      coefficients(i, i) =
          ClippingFactor(norms[static_cast<std::size_t>(i)], radius);
    }
    return coefficients;
  }
};

std::unique_ptr<PreAggregator> Make(config::Section& /*section*/) {
  return std::make_unique<MedianNormClipping>();
}

}  // namespace

extern const Kind kMedianNormClipping;
constinit const Kind kMedianNormClipping{
    .name = "median_norm_clipping",
    .summary =
        "Shortens each update to the median length of all updates of the round "
        "where it is longer.",
    .source = "Nguyen et al. 2022, FLAME, algorithm 1",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
