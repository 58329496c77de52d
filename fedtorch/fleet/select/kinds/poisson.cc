#include "fedtorch/fleet/select/draws.h"

#include <cmath>

namespace fedtorch::fleet::select {
namespace {

/// Lets every client take part by its own coin of bias S / N; the cohort may
/// be empty. Cost: O(cohort): the gaps between members are geometric.
class Poisson final : public Selector {
 public:
  Cohort Select(const Input& input) const override {
    CheckCohortSize(input);
    const auto population = static_cast<double>(Population(input));
    // log P(a client is left out); -inf where all take part, then every gap
    // below is 0.
    const double log_miss = std::log1p(-InclusionRate(input));
    core::Stream stream = RoundStream(input);
    std::vector<std::int64_t> members;
    double client = 0.0;  // a whole number; double, since gaps may be long
    while (true) {
      client += std::floor(std::log(1.0 - stream.Uniform()) / log_miss);
      if (client >= population) return CohortOfDraws(std::move(members));
      members.push_back(static_cast<std::int64_t>(client));
      client += 1.0;
    }
  }

  std::optional<double> ExpectedCount(const Input& input,
                                      std::int64_t /*client*/) const override {
    return InclusionRate(input);
  }
};

std::unique_ptr<Selector> Make(config::Section& /*section*/) {
  return std::make_unique<Poisson>();
}

}  // namespace

extern const Kind kPoisson;
constinit const Kind kPoisson{
    .name = "poisson",
    .summary =
        "Each client takes part with probability S/N on its own; the "
        "cohort size varies and may be 0.",
    .source =
        "Poisson sampling (Hajek 1964); the sampling of user-level "
        "privacy in McMahan et al. 2018",
    .make = Make};

}  // namespace fedtorch::fleet::select
