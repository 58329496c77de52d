#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/feasibility.h"
#include "fedtorch/partition/lognormal_sizes.h"
#include "fedtorch/partition/partitioner.h"

namespace fedtorch::partition {
namespace {

/// Deals random samples to clients of lognormal sizes. Randomness: (seed,
/// "partition.lognormal_quantity." + "sizes", attempt | "order").
class LognormalQuantity final : public Partitioner {
 public:
  explicit LognormalQuantity(double sigma) : sigma_(sigma) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "lognormal_quantity");
    const auto sizes = LognormalSizes(input,
                                      "lognormal_quantity",
                                      sigma_,
                                      "partition.lognormal_quantity.sizes");
    return DealRandomly(sizes,
                        input.dataset.size(),
                        input.seed,
                        "partition.lognormal_quantity.order");
  }

 private:
  double sigma_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<LognormalQuantity>(section.Real(
      {.name = "sigma",
       .help = "Standard deviation of the logarithm of the client sizes; 0 = "
               "equal sizes.",
       .aliases = {"unbalance_sgm", "unbalanced_sgm"}},
      0.3,
      {.min = 0.0, .max = kLargestSigma}));
}

}  // namespace

extern const Kind kLognormalQuantity;
constinit const Kind kLognormalQuantity{
    .name = "lognormal_quantity",
    .summary = "Random samples; sizes are lognormal with spread sigma.",
    .source = "Acar et al. 2021, FedDyn, code; Zeng et al. 2023, FedLab",
    .make = Make};

}  // namespace fedtorch::partition
