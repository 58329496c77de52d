#include "fedtorch/core/stream.h"
#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/class_portions.h"
#include "fedtorch/partition/feasibility.h"

#include <algorithm>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Deals random samples to clients whose sizes follow Dirichlet(alpha 1).
/// Randomness: (seed, "partition.quantity_skew." + "sizes", attempt | "order").
class QuantitySkew final : public Partitioner {
 public:
  explicit QuantitySkew(double alpha) : alpha_(alpha) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "quantity_skew");
    const std::vector<double> concentration(
        static_cast<std::size_t>(input.num_clients), alpha_);
    std::vector<std::int64_t> sizes;
    DrawUntilMinimum(
        input,
        "quantity_skew",
        "raise alpha (now " + Shortest(alpha_) + ")",
        [&](std::uint64_t attempt) {
          auto stream = core::Stream::Named(
              input.seed, "partition.quantity_skew.sizes", {attempt});
          sizes = LargestRemainder(stream.Dirichlet(concentration),
                                   input.dataset.size());
          return std::ranges::min(sizes);
        });
    return DealRandomly(sizes,
                        input.dataset.size(),
                        input.seed,
                        "partition.quantity_skew.order");
  }

 private:
  double alpha_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<QuantitySkew>(
      ReadAlpha(section,
                "Concentration of the client sizes; small = few clients have "
                "most of the samples."));
}

}  // namespace

extern const Kind kQuantitySkew;
constinit const Kind kQuantitySkew{
    .name = "quantity_skew",
    .summary = "Random samples; sizes in proportion to Dirichlet(alpha).",
    .source = "Li et al. 2022, NIID-Bench, quantity skew",
    .make = Make};

}  // namespace fedtorch::partition
