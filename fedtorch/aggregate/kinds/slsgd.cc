// SLSGD: a trimmed mean of models, mixed with the old model.
//
// With x_i = w + u_i the new model (1 - alpha) w + alpha trim(x_i) is
// w + alpha trim(u_i), because a trimmed mean moves with its values; so only
// updates are needed.
//
// Avoids: a trimmed mean by subtraction, as in trimmed_mean.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"
#include "fedtorch/aggregate/honest_majority.h"

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(nd log^2 n).
class Slsgd final : public Aggregator {
 public:
  explicit Slsgd(config::Section& section)
      : trim_(section.AutoInt(
            {.name = "b",
             .help = "Values of a coordinate trimmed at each end; auto = "
                     "attack.declared_f.",
             .unit = "clients"},
            {.min = 0})),
        alpha_(section.Real(
            {.name = "alpha",
             .help = "How far the model moves to the trimmed mean of the "
                     "clients' models."},
            1.0,
            {.min = 0.0, .max = 1.0, .open_min = true})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("slsgd", n, trim_.Declared(f));
  }
  bool needs_declared_f() const override { return !trim_.given(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    Result result;
    result.vector = TrimmedMeans(inputs.table(), trim_.Of(context));
    for (double& value : result.vector) value *= alpha_;
    return result;
  }

 private:
  Tolerance trim_;
  double alpha_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Slsgd>(section);
}

}  // namespace

extern const Kind kSlsgd;
constinit const Kind kSlsgd{
    .name = "slsgd",
    .summary =
        "Moves the model by a share alpha towards the trimmed mean of the "
        "clients' models.",
    .source = "Xie, Koyejo, Gupta 2019, SLSGD, algorithm 1",
    .preconditions = "n > 2b",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
