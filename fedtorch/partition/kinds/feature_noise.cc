#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/feasibility.h"
#include "fedtorch/partition/partitioner.h"

#include <vector>

namespace fedtorch::partition {
namespace {

/// Splits as iid does and asks for Gaussian noise on the normalised features
/// of client i with standard deviation noise * i / (N - 1).
class FeatureNoise final : public Partitioner {
 public:
  explicit FeatureNoise(double noise) : noise_(noise) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "feature_noise");
    if (input.dataset.type == data::FeatureType::kInt64) {
      ThrowInfeasible("feature_noise",
                      "the features of data set '" + input.dataset.name +
                          "' are tokens, to which no noise can be added; use "
                          "iid or natural");
    }
    Split split =
        DealRandomly(EqualSizes(input.dataset.size(), input.num_clients),
                     input.dataset.size(),
                     input.seed,
                     "partition.feature_noise");
    const auto clients = static_cast<std::size_t>(input.num_clients);
    split.feature_noise.assign(clients, 0.0);
    for (std::size_t i = 1; i < clients; ++i) {
      split.feature_noise[i] =
          noise_ * static_cast<double>(i) / static_cast<double>(clients - 1);
    }
    return split;
  }

 private:
  double noise_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<FeatureNoise>(section.Real(
      {.name = "noise",
       .help = "Standard deviation of the Gaussian noise on the normalised "
               "features of the last client; the first has none."},
      0.1,
      {.min = 0.0, .max = 1e6}));
}

}  // namespace

extern const Kind kFeatureNoise;
constinit const Kind kFeatureNoise{
    .name = "feature_noise",
    .summary =
        "As iid; the features of client i get Gaussian noise that grows "
        "linearly with i.",
    .source = "Li et al. 2022, NIID-Bench, noise-based feature skew",
    .make = Make};

}  // namespace fedtorch::partition
