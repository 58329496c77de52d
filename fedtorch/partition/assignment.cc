#include "fedtorch/partition/assignment.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <numeric>
#include <string>

namespace fedtorch::partition {

Split SplitFromOwners(std::span<const std::int64_t> client_of_sample,
                      std::int64_t num_clients) {
  Split split;
  ClientShards& shards = split.shards;
  shards.offsets.assign(static_cast<std::size_t>(num_clients) + 1, 0);
  for (const std::int64_t client : client_of_sample) {
    if (client == kNobody) {
      ++split.unassigned;
      continue;
    }
    FEDTORCH_CHECK(client >= 0 && client < num_clients,
                   "client " + std::to_string(client) + " of " +
                       std::to_string(num_clients));
    ++shards.offsets[static_cast<std::size_t>(client) + 1];
  }
  std::partial_sum(
      shards.offsets.begin(), shards.offsets.end(), shards.offsets.begin());
  shards.indices.resize(static_cast<std::size_t>(shards.offsets.back()));
  std::vector<std::int64_t> next(shards.offsets.begin(),
                                 shards.offsets.end() - 1);
  for (std::size_t sample = 0; sample < client_of_sample.size(); ++sample) {
    const std::int64_t client = client_of_sample[sample];
    if (client == kNobody) continue;
    const std::int64_t slot = next[static_cast<std::size_t>(client)]++;
    shards.indices[static_cast<std::size_t>(slot)] =
        static_cast<std::int64_t>(sample);
  }
  return split;
}

Split DealRandomly(std::span<const std::int64_t> sizes,
                   std::int64_t num_samples,
                   std::uint64_t seed,
                   std::string_view purpose) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(num_samples));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  core::Stream::Named(seed, purpose).Shuffle(std::span(order));

  std::vector<std::int64_t> client_of_sample(order.size(), kNobody);
  std::size_t next = 0;
  for (std::size_t client = 0; client < sizes.size(); ++client) {
    for (std::int64_t i = 0; i < sizes[client]; ++i, ++next) {
      FEDTORCH_CHECK(next < order.size(), "sizes exceed the samples");
      client_of_sample[static_cast<std::size_t>(order[next])] =
          static_cast<std::int64_t>(client);
    }
  }
  return SplitFromOwners(client_of_sample,
                         static_cast<std::int64_t>(sizes.size()));
}

}  // namespace fedtorch::partition
