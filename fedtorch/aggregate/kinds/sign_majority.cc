// Majority vote of signs.
//
// Avoids: the sign of a mean, which one update decides; signs of weights
// instead of updates; a vote of -0.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"

namespace fedtorch::aggregate {
namespace {

/// Answers -1, 0 (a tied vote) or 1 a coordinate; how far that moves the model
/// is the learning rate of the server. Ignores weights. Cost: O(nd).
class SignMajority final : public Aggregator {
 public:
  Result Aggregate(const Inputs& inputs, const Context&) const override {
    Result result;
    for (const std::int64_t sum : SignSums(inputs.table())) {
      result.vector.push_back(sum > 0 ? 1.0 : sum < 0 ? -1.0 : 0.0);
    }
    return result;
  }
};

std::unique_ptr<Aggregator> Make(config::Section& /*section*/) {
  return std::make_unique<SignMajority>();
}

}  // namespace

extern const Kind kSignMajority;
constinit const Kind kSignMajority{
    .name = "sign_majority",
    .summary =
        "Sign of the sum of the signs of every coordinate, to be scaled by the "
        "learning rate of the server.",
    .source = "Bernstein, Zhao, Azizzadenesheli, Anandkumar 2019, algorithm 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
