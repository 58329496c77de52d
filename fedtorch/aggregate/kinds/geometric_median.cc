// Geometric median, also known as RFA.
//
// Avoids: a start at zero with a few steps, which f zero updates hold near
// zero; a smoothing length larger than the updates, which makes it the mean;
// and a sweep over all values a step, where inner products suffice. The forms
// of other libraries are there by their keys, e.g. {start: zero, relative:
// false, nu: 0.1, iterations: 3, tolerance: 0}.
#include "fedtorch/aggregate/weiszfeld.h"

namespace fedtorch::aggregate {
namespace {

/// Ignores weights, but for where it may start. Needs no f. Cost: O(n^2 d).
class GeometricMedian final : public Aggregator {
 public:
  explicit GeometricMedian(config::Section& section)
      : search_(Weiszfeld::Read(section)) {}

  std::vector<std::vector<double>> References(const Inputs& inputs,
                                              const Context&) const override {
    return search_.References(inputs);
  }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    return search_.Combine(geometry, inputs);
  }

 private:
  Weiszfeld search_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<GeometricMedian>(section);
}

}  // namespace

extern const Kind kGeometricMedian;
constinit const Kind kGeometricMedian{
    .name = "geometric_median",
    .summary =
        "The point with the smallest sum of distances to the updates, by "
        "smoothed Weiszfeld steps.",
    .source = "Pillutla, Kakade, Harchaoui 2022, algorithm 2",
    .preconditions = "n >= 1; robust for n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
