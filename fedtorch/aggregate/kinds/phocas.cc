// Phocas: the mean of what lies around the trimmed mean.
//
// Avoids: distances to a trimmed mean that was formed by subtraction, and ties
// that depend on how a sort moves equal values.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"
#include "fedtorch/aggregate/honest_majority.h"

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(nd log^2 n).
class Phocas final : public Aggregator {
 public:
  explicit Phocas(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("phocas", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::int64_t f = f_.Of(context);
    Result result;
    result.vector = MeansAround(
        inputs.table(), TrimmedMeans(inputs.table(), f), inputs.size() - f);
    return result;
  }

 private:
  Tolerance f_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Phocas>(section);
}

}  // namespace

extern const Kind kPhocas;
constinit const Kind kPhocas{
    .name = "phocas",
    .summary =
        "Mean of the n - f values of every coordinate nearest to its trimmed "
        "mean.",
    .source = "Xie, Koyejo, Gupta 2018 (Phocas)",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
