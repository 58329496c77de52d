// Sign filter: SignGuard's admission before any rule. What it admits passes as
// it is; where it admits nothing one zero vector passes, so that the old model
// stays.
//
// Avoids: what signguard avoids.
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/aggregate/pre/preaggregator.h"
#include "fedtorch/aggregate/sign_stage.h"

#include <algorithm>

namespace fedtorch::aggregate::pre {
namespace {

class SignFilter final : public PreAggregator {
 public:
  explicit SignFilter(config::Section& section)
      : stage_(SignStage::Read(section)) {}

  std::int64_t NumOutputs(std::int64_t n) const override {
    return std::min<std::int64_t>(1, n);
  }

  Matrix Mix(const Inputs& inputs, const Context& context) const override {
    const std::vector<std::int64_t> kept =
        stage_.Admitted(inputs, context, NormsByValue(inputs), "sign_filter");
    Matrix coefficients(
        std::max<std::int64_t>(1, static_cast<std::int64_t>(kept.size())),
        inputs.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      coefficients(static_cast<std::int64_t>(i), kept[i]) = 1.0;
    }
    return coefficients;
  }

 private:
  SignStage stage_;
};

std::unique_ptr<PreAggregator> Make(config::Section& section) {
  return std::make_unique<SignFilter>(section);
}

}  // namespace

extern const Kind kSignFilter;
constinit const Kind kSignFilter{
    .name = "sign_filter",
    .summary =
        "Keeps the updates with a norm near the median and in the largest "
        "cluster by shares of signs; perhaps only one is left.",
    .source = "Xu, Huang, Song, Lan 2022, algorithm 2, steps 1 and 2",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
