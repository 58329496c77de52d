#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/feasibility.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Makes a client of each owner that the data names, in the order of the
/// owners. Owners with fewer than min_samples are left out; a number of clients
/// draws that many of the others. Randomness: (seed, "partition.natural").
class Natural final : public Partitioner {
 public:
  Split Partition(const Input& input) const override {
    const data::Dataset& dataset = input.dataset;
    if (dataset.owners.empty()) {
      ThrowInfeasible("natural",
                      "data set '" + dataset.name +
                          "' does not say who owns which sample; use another "
                          "partition, e.g. dirichlet");
    }
    FEDTORCH_CHECK(
        static_cast<std::int64_t>(dataset.owners.size()) == dataset.size(),
        "one owner a sample");
    const std::vector<std::size_t> chosen = Choose(input);

    std::vector<std::int64_t> client_of_owner(dataset.owner_names.size(),
                                              kNobody);
    std::vector<std::string> names;
    names.reserve(chosen.size());
    for (std::size_t client = 0; client < chosen.size(); ++client) {
      client_of_owner[chosen[client]] = static_cast<std::int64_t>(client);
      names.push_back(dataset.owner_names[chosen[client]]);
    }
    std::vector<std::int64_t> client_of_sample(dataset.owners.size());
    for (std::size_t i = 0; i < dataset.owners.size(); ++i) {
      client_of_sample[i] =
          client_of_owner[static_cast<std::size_t>(dataset.owners[i])];
    }
    Split split = SplitFromOwners(client_of_sample,
                                  static_cast<std::int64_t>(chosen.size()));
    split.client_names = std::move(names);
    return split;
  }

  bool knows_num_clients() const override { return true; }

 private:
  static std::vector<std::size_t> Choose(const Input& input) {
    const data::Dataset& dataset = input.dataset;
    std::vector<std::int64_t> sizes(dataset.owner_names.size(), 0);
    for (const std::int32_t owner : dataset.owners) {
      FEDTORCH_CHECK(
          owner >= 0 && static_cast<std::size_t>(owner) < sizes.size(),
          "owner " + std::to_string(owner) + " has no name");
      ++sizes[static_cast<std::size_t>(owner)];
    }
    // An owner of nothing is no client, even at min_samples 0.
    const std::int64_t minimum = std::max<std::int64_t>(input.min_samples, 1);
    std::vector<std::size_t> owners;
    for (std::size_t owner = 0; owner < sizes.size(); ++owner) {
      if (sizes[owner] >= minimum) owners.push_back(owner);
    }
    const std::string found =
        std::to_string(owners.size()) + " of the " +
        std::to_string(sizes.size()) + " owners of data set '" + dataset.name +
        "' have at least " + std::to_string(minimum) + " samples";
    if (owners.empty()) {
      ThrowInfeasible("natural",
                      found + " (the largest has " +
                          std::to_string(std::ranges::max(sizes)) +
                          "); lower min_samples");
    }
    if (input.num_clients == 0) return owners;
    if (input.num_clients < 0 ||
        input.num_clients > static_cast<std::int64_t>(owners.size())) {
      ThrowInfeasible("natural",
                      "expected " + std::to_string(input.num_clients) +
                          " clients (num_clients), but " + found +
                          "; lower num_clients or min_samples, or leave "
                          "num_clients out to use all of them");
    }
    std::vector<std::size_t> drawn;
    for (const std::int64_t i :
         core::Stream::Named(input.seed, "partition.natural")
             .SampleWithoutReplacement(static_cast<std::int64_t>(owners.size()),
                                       input.num_clients)) {
      drawn.push_back(owners[static_cast<std::size_t>(i)]);
    }
    std::ranges::sort(drawn);
    return drawn;
  }
};

std::unique_ptr<Partitioner> Make(config::Section&) {
  return std::make_unique<Natural>();
}

}  // namespace

extern const Kind kNatural;
constinit const Kind kNatural{
    .name = "natural",
    .summary =
        "One client for each owner that the data names; owners with "
        "fewer than min_samples are left out.",
    .source = "Caldas et al. 2018, LEAF, user key",
    .make = Make};

}  // namespace fedtorch::partition
