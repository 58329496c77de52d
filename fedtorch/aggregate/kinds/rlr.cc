// Robust learning rate: the mean, turned around where too few agree on its
// sign.
//
// Avoids: the vote taken on weights instead of updates, and a threshold beyond
// the number of updates, which would turn every coordinate.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

/// The rate itself is the learning rate of the server; here it is its sign
/// that is decided. Ignores weights. Cost: O(nd).
class Rlr final : public Aggregator {
 public:
  explicit Rlr(config::Section& section)
      : threshold_(section.AutoInt(
            {.name = "threshold",
             .help = "Least absolute sum of the signs of a coordinate with "
                     "which its mean keeps its sign; auto = "
                     "attack.declared_f + 1, more than the adversaries reach "
                     "alone.",
             .unit = "clients"},
            {.min = 0})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t threshold = threshold_.value_or(f + 1);
    if (n >= threshold) return {};
    return "rlr needs n >= threshold = " + std::to_string(threshold) +
           " updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(f);
  }
  bool needs_declared_f() const override { return !threshold_.has_value(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::int64_t f =
        std::max<std::int64_t>(0, context.f - context.masked);
    const std::int64_t threshold = threshold_.value_or(f + 1);
    const std::vector<std::int64_t> sums = SignSums(inputs.table());
    const std::vector<double> equal(
        static_cast<std::size_t>(inputs.size() + inputs.num_references()),
        1.0 / static_cast<double>(inputs.size()));
    Result result;
    result.vector = inputs.Combine(equal);
    std::int64_t turned = 0;
    for (std::size_t k = 0; k < sums.size(); ++k) {
      if (sums[k] >= threshold || -sums[k] >= threshold) continue;
      // Adding 0 turns -0 into 0.
      result.vector[k] = 0.0 - result.vector[k];
      ++turned;
    }
    result.diagnostics["aggregate/turned_share"] =
        sums.empty()
            ? 0.0
            : static_cast<double>(turned) / static_cast<double>(sums.size());
    return result;
  }

 private:
  std::optional<std::int64_t> threshold_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Rlr>(section);
}

}  // namespace

extern const Kind kRlr;
constinit const Kind kRlr{
    .name = "rlr",
    .summary =
        "Mean of the updates, with the opposite sign in coordinates where "
        "fewer than a threshold of them agree.",
    .source = "Ozdayi, Kantarcioglu, Gel 2021, algorithm 1",
    .preconditions = "n >= threshold",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
