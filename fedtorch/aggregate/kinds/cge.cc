// Comparative gradient elimination: the mean of the shortest vectors.
//
// Avoids: the sum in place of the mean. Lengths are measured from the origin:
// the rule does not move with its inputs, and does not stop a short vector that
// points the wrong way.
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/selection.h"

namespace fedtorch::aggregate {
namespace {

class Cge final : public Aggregator {
 public:
  explicit Cge(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("cge", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    Combination result;
    for (std::int64_t i = 0; i < n; ++i) {
      result.scores.push_back(geometry.SquaredNorm(i));
    }
    result.coefficients =
        MeanOver(Smallest(result.scores, n - f_.Of(context)), geometry.size());
    return result;
  }

 private:
  Tolerance f_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Cge>(section);
}

}  // namespace

extern const Kind kCge;
constinit const Kind kCge{
    .name = "cge",
    .summary = "Mean of the n - f updates with the smallest norms.",
    .source = "Gupta, Liu, Vaidya 2021; the mean where they add up",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
