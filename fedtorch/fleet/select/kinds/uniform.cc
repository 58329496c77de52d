#include "fedtorch/fleet/select/draws.h"

namespace fedtorch::fleet::select {
namespace {

/// Draws the cohort uniformly without replacement. Cost: O(cohort).
class Uniform final : public Selector {
 public:
  Cohort Select(const Input& input) const override {
    CheckCohortSize(input);
    core::Stream stream = RoundStream(input);
    return CohortOfDraws(
        stream.SampleWithoutReplacement(Population(input), input.cohort_size));
  }

  std::optional<double> ExpectedCount(const Input& input,
                                      std::int64_t /*client*/) const override {
    return InclusionRate(input);
  }
};

std::unique_ptr<Selector> Make(config::Section& /*section*/) {
  return std::make_unique<Uniform>();
}

}  // namespace

extern const Kind kUniform;
constinit const Kind kUniform{
    .name = "uniform",
    .summary = "Each set of S clients is equally likely.",
    .source = "McMahan et al. 2017, algorithm 1",
    .make = Make};

}  // namespace fedtorch::fleet::select
