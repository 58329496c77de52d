// Static clipping: no update is longer than a radius.
//
// Avoids: clipped values written over the caller's, and a division by the
// length of a zero vector.
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/aggregate/pre/preaggregator.h"

namespace fedtorch::aggregate::pre {
namespace {

class StaticClipping final : public PreAggregator {
 public:
  explicit StaticClipping(config::Section& section)
      : radius_(section.Real(
            {.name = "max_norm",
             .help = "Length to which a longer update is shortened.",
             .aliases = {"c"}},
            2.0,
            {.min = 0.0, .open_min = true})) {}

  Matrix Mix(const Inputs& inputs, const Context&) const override {
    const std::vector<double> norms = Norms(inputs);
    Matrix coefficients(inputs.size(), inputs.size());
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      coefficients(i, i) =
          ClippingFactor(norms[static_cast<std::size_t>(i)], radius_);
    }
    return coefficients;
  }

 private:
  double radius_;
};

std::unique_ptr<PreAggregator> Make(config::Section& section) {
  return std::make_unique<StaticClipping>(section);
}

}  // namespace

extern const Kind kStaticClipping;
constinit const Kind kStaticClipping{
    .name = "static_clipping",
    .summary = "Shortens each update to a fixed length where it is longer.",
    .source = "Pascanu, Mikolov, Bengio 2013, algorithm 1, on updates",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
