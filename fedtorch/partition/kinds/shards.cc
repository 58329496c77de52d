#include "fedtorch/core/stream.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/class_lists.h"
#include "fedtorch/partition/feasibility.h"

#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Sorts the samples by class (stable), cuts N * s shards of equal size, and
/// deals s random ones to each client. What the division leaves, at the end of
/// the last class, stays unassigned. Randomness: (seed, "partition.shards").
class Shards final : public Partitioner {
 public:
  explicit Shards(std::int64_t shards_per_client)
      : shards_per_client_(shards_per_client) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "shards");
    const ClassLists lists = ListByClass(input.dataset, "shards");
    // RequireRoom bounds the clients by the samples only where min_samples is
    // positive; a shard needs a sample in any case.
    const std::int64_t samples = input.dataset.size();
    const std::int64_t shard_size =
        samples / input.num_clients / shards_per_client_;
    const std::int64_t client_size = shard_size * shards_per_client_;
    if (shard_size == 0 || client_size < input.min_samples) {
      ThrowInfeasible(
          "shards",
          std::to_string(samples) + " samples over " +
              std::to_string(input.num_clients) + " clients with " +
              std::to_string(shards_per_client_) + " shards each give " +
              std::to_string(client_size) + " samples a client, expected " +
              std::to_string(std::max<std::int64_t>(1, input.min_samples)) +
              " or more; lower num_clients, shards_per_client or min_samples");
    }

    std::vector<std::int64_t> shards(
        static_cast<std::size_t>(input.num_clients * shards_per_client_));
    std::iota(shards.begin(), shards.end(), std::int64_t{0});
    core::Stream::Named(input.seed, "partition.shards")
        .Shuffle(std::span(shards));
    std::vector<std::int64_t> client_of_sample(lists.samples.size(), kNobody);
    for (std::size_t i = 0; i < shards.size(); ++i) {
      const auto of_shard =
          std::span(lists.samples)
              .subspan(static_cast<std::size_t>(shards[i] * shard_size),
                       static_cast<std::size_t>(shard_size));
      for (const std::int64_t sample : of_shard) {
        client_of_sample[static_cast<std::size_t>(sample)] =
            static_cast<std::int64_t>(i) / shards_per_client_;
      }
    }
    return SplitFromOwners(client_of_sample, input.num_clients);
  }

 private:
  std::int64_t shards_per_client_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<Shards>(
      section.Int({.name = "shards_per_client",
                   .help = "Number of shards that each client gets.",
                   .unit = "shards"},
                  2,
                  {.min = 1}));
}

}  // namespace

extern const Kind kShards;
constinit const Kind kShards{
    .name = "shards",
    .summary =
        "Samples sorted by class are cut into equal shards; each client "
        "gets the same number of them.",
    .source = "McMahan et al. 2017, section 3, pathological non-IID",
    .make = Make};

}  // namespace fedtorch::partition
