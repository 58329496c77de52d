#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/feasibility.h"
#include "fedtorch/partition/partitioner.h"

namespace fedtorch::partition {
namespace {

class Iid final : public Partitioner {
 public:
  Split Partition(const Input& input) const override {
    RequireRoom(input, "iid");
    return DealRandomly(EqualSizes(input.dataset.size(), input.num_clients),
                        input.dataset.size(),
                        input.seed,
                        "partition.iid");
  }
};

std::unique_ptr<Partitioner> Make(config::Section&) {
  return std::make_unique<Iid>();
}

}  // namespace

extern const Kind kIid;
constinit const Kind kIid{
    .name = "iid",
    .summary = "Random parts of equal size; sizes differ by at most 1.",
    .source = "McMahan et al. 2017, section 3, IID",
    .make = Make};

}  // namespace fedtorch::partition
