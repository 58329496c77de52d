// Cosine filter: FLAME's clustering stage before any rule. The vectors of the
// majority cluster by cosine distance pass as they are.
//
// Avoids: what flame avoids in its clustering.
#include "fedtorch/aggregate/clustering.h"
#include "fedtorch/aggregate/pre/preaggregator.h"

namespace fedtorch::aggregate::pre {
namespace {

class CosineFilter final : public PreAggregator {
 public:
  std::int64_t NumOutputs(std::int64_t n) const override {
    return n == 0 ? 0 : n / 2 + 1;
  }

  Matrix Mix(const Inputs& inputs, const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::vector<std::int64_t> kept = MajorityCluster(
        context.model.empty()
            ? CosineDistances(inputs.geometry(), n)
            : CosineDistances(
                  inputs.WithReferences({context.model}).geometry(), n, n));
    Matrix coefficients(static_cast<std::int64_t>(kept.size()), n);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      coefficients(static_cast<std::int64_t>(i), kept[i]) = 1.0;
    }
    return coefficients;
  }
};

std::unique_ptr<PreAggregator> Make(config::Section& /*section*/) {
  return std::make_unique<CosineFilter>();
}

}  // namespace

extern const Kind kCosineFilter;
constinit const Kind kCosineFilter{
    .name = "cosine_filter",
    .summary =
        "Keeps the majority cluster by cosine distance of the models (of the "
        "updates where the model is unknown).",
    .source = "Nguyen et al. 2022, algorithm 1, lines 6 and 7",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
