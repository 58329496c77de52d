#include "fedtorch/fleet/select/draws.h"

#include <numeric>

namespace fedtorch::fleet::select {
namespace {

/// Takes every client in every round, whatever the cohort size.
class All final : public Selector {
 public:
  Cohort Select(const Input& input) const override {
    std::vector<std::int64_t> members(input.shares.size());
    std::iota(members.begin(), members.end(), 0);
    return CohortOfDraws(std::move(members));
  }

  std::optional<double> ExpectedCount(const Input& /*input*/,
                                      std::int64_t /*client*/) const override {
    return 1.0;
  }

  bool uses_cohort_size() const override { return false; }
};

std::unique_ptr<Selector> Make(config::Section& /*section*/) {
  return std::make_unique<All>();
}

}  // namespace

extern const Kind kAll;
constinit const Kind kAll{
    .name = "all",
    .summary = "Every client takes part in every round.",
    .source = "full participation, e.g. Karimireddy et al. 2020, section 3",
    .make = Make};

}  // namespace fedtorch::fleet::select
