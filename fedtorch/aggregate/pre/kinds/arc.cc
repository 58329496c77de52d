// Adaptive robust clipping: as many of the longest updates as f suggests are
// shortened to the longest that is not among them.
//
// Avoids: clipped values written over the caller's, and a number of clipped
// updates computed in floating point.
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/aggregate/pre/preaggregator.h"

#include <algorithm>
#include <functional>

namespace fedtorch::aggregate::pre {
namespace {

class Arc final : public PreAggregator {
 public:
  explicit Arc(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    if (n > declared) return {};
    return "arc needs n > f updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(declared);
  }
  bool needs_declared_f() const override { return !f_.given(); }

  Matrix Mix(const Inputs& inputs, const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t f = f_.Of(context);
    const std::vector<double> norms = Norms(inputs);
    std::vector<double> descending = norms;
    std::sort(descending.begin(), descending.end(), std::greater<>());
    // floor(2 (f / n) (n - f)), at most n / 2.
    const std::int64_t clipped = 2 * f * (n - f) / n;
    const double radius = descending[static_cast<std::size_t>(clipped)];
    Matrix coefficients(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      coefficients(i, i) =
          ClippingFactor(norms[static_cast<std::size_t>(i)], radius);
    }
    return coefficients;
  }

 private:
  Tolerance f_;
};

std::unique_ptr<PreAggregator> Make(config::Section& section) {
  return std::make_unique<Arc>(section);
}

}  // namespace

extern const Kind kArc;
constinit const Kind kArc{
    .name = "arc",
    .summary =
        "Shortens the k = floor(2 (f/n) (n - f)) longest updates to the length "
        "of the next longest.",
    .source =
        "Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan 2024, "
        "algorithm 2",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
