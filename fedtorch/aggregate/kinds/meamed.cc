// Meamed: the mean of what lies around the median.
//
// Avoids: a sort of distances with indices and a gather, three passes over all
// values (one sorted column holds the nearest values side by side), and ties
// without a rule.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"
#include "fedtorch/aggregate/honest_majority.h"

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(nd log^2 n).
class Meamed final : public Aggregator {
 public:
  explicit Meamed(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("meamed", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    Result result;
    result.vector = MeansAround(inputs.table(),
                                Medians(inputs.table(), /*lower=*/false),
                                inputs.size() - f_.Of(context));
    return result;
  }

 private:
  Tolerance f_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Meamed>(section);
}

}  // namespace

extern const Kind kMeamed;
constinit const Kind kMeamed{
    .name = "meamed",
    .summary =
        "Mean of the n - f values of every coordinate nearest to its median.",
    .source = "Xie, Koyejo, Gupta 2018, Generalized Byzantine-tolerant SGD",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
