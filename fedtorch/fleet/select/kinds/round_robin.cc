#include "fedtorch/core/errors.h"
#include "fedtorch/fleet/select/draws.h"

namespace fedtorch::fleet::select {
namespace {

/// Takes S clients in the order of their ids, from where the round before
/// ended. Randomness: none. Cost: O(cohort).
class RoundRobin final : public Selector {
 public:
  Cohort Select(const Input& input) const override {
    CheckCohortSize(input);
    FEDTORCH_CHECK(input.round >= 1, "rounds count from 1");
    const std::int64_t population = Population(input);
    // Reduced first, so that the product cannot overflow.
    const std::int64_t start =
        (input.round - 1) % population * input.cohort_size % population;
    std::vector<std::int64_t> members;
    members.reserve(static_cast<std::size_t>(input.cohort_size));
    for (std::int64_t i = 0; i < input.cohort_size; ++i) {
      members.push_back((start + i) % population);
    }
    return CohortOfDraws(std::move(members));
  }

  /// The share of rounds that a client takes part in. No single round is
  /// random, but over a cycle this makes unbiased weights.
  std::optional<double> ExpectedCount(const Input& input,
                                      std::int64_t /*client*/) const override {
    return InclusionRate(input);
  }
};

std::unique_ptr<Selector> Make(config::Section& /*section*/) {
  return std::make_unique<RoundRobin>();
}

}  // namespace

extern const Kind kRoundRobin;
constinit const Kind kRoundRobin{
    .name = "round_robin",
    .summary = "Clients take turns in the order of their ids.",
    .source = "folklore; an order without chance, for tests and comparisons",
    .make = Make};

}  // namespace fedtorch::fleet::select
