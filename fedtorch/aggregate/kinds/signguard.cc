// SignGuard: updates with a usual norm and usual signs, clipped to the median
// norm.
//
// Avoids: the mean of no rows where nobody is admitted (the old model stays),
// and sign shares blown up by dividing them by a largest that is small itself,
// unless asked for.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/aggregate/sign_stage.h"

namespace fedtorch::aggregate {
namespace {

class SignGuard final : public Aggregator {
 public:
  explicit SignGuard(config::Section& section)
      : stage_(SignStage::Read(section)) {}

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::vector<double> norms = NormsByValue(inputs);
    return Joined(inputs,
                  {.coefficients = ClippedMean(
                       norms,
                       stage_.Admitted(inputs, context, norms, "signguard"),
                       MedianOf(norms))});
  }

 private:
  SignStage stage_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<SignGuard>(section);
}

}  // namespace

extern const Kind kSignguard;
constinit const Kind kSignguard{
    .name = "signguard",
    .summary =
        "Mean of the updates with a norm near the median and in the largest "
        "cluster by shares of signs, clipped to the median norm.",
    .source = "Xu, Huang, Song, Lan 2022, algorithm 2",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
