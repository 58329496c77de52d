#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Returns the place of each sample in the order by class, ties by index.
std::vector<std::int64_t> RanksByClass(const data::Dataset& dataset) {
  std::vector<std::int64_t> order(dataset.targets.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::stable_sort(order, {}, [&dataset](std::int64_t sample) {
    return dataset.targets[static_cast<std::size_t>(sample)];
  });
  std::vector<std::int64_t> ranks(order.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    ranks[static_cast<std::size_t>(order[rank])] =
        static_cast<std::int64_t>(rank);
  }
  return ranks;
}

TEST(Shards, DealsEveryShardOnceAndWhole) {
  const data::Dataset dataset = Unbalanced(31, 10, 1);  // 1705 samples
  for (const std::int64_t per_client : {1, 2, 5}) {
    const Split split =
        FromText("{name: shards, shards_per_client: " +
                 std::to_string(per_client) + "}")
            ->Partition({.dataset = dataset, .num_clients = 12, .seed = 4});
    const std::int64_t size = dataset.size() / (12 * per_client);
    const auto ranks = RanksByClass(dataset);
    std::vector<int> owners_of_shard(static_cast<std::size_t>(12 * per_client),
                                     0);
    for (std::int64_t client = 0; client < 12; ++client) {
      std::vector<std::int64_t> found(owners_of_shard.size(), 0);
      for (const std::int64_t sample : split.shards.Of(client)) {
        const auto shard = ranks[static_cast<std::size_t>(sample)] / size;
        ++found.at(static_cast<std::size_t>(shard));
      }
      for (std::size_t shard = 0; shard < found.size(); ++shard) {
        if (found[shard] == 0) continue;
        EXPECT_EQ(found[shard], size);
        ++owners_of_shard[shard];
      }
    }
    EXPECT_THAT(owners_of_shard, testing::Each(1));
    EXPECT_EQ(split.unassigned, dataset.size() - size * 12 * per_client);
  }
}

TEST(Shards, Cuts200ShardsOf300OutOf60000Samples) {
  const data::Dataset dataset = Balanced(60000, 10);
  const Split split =
      FromText("shards")->Partition({.dataset = dataset, .num_clients = 100});
  EXPECT_THAT(SizesOf(split.shards), testing::Each(600));
  EXPECT_EQ(split.unassigned, 0);
  // 300 divides the class size, so a client has one or two classes.
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    EXPECT_THAT(row, testing::Each(testing::AnyOf(0, 300, 600)));
  }
}

TEST(Shards, RefusesMoreShardsThanSamples) {
  const data::Dataset dataset = Balanced(100, 10);
  EXPECT_THAT(Refusal("{name: shards, shards_per_client: 11}",
                      {.dataset = dataset, .num_clients = 10}),
              testing::HasSubstr("lower num_clients, shards_per_client or "
                                 "min_samples"));
  // 7 shards of 1 sample each are less than 10 samples a client.
  EXPECT_THAT(
      Refusal("{name: shards, shards_per_client: 7}",
              {.dataset = dataset, .num_clients = 10, .min_samples = 10}),
      testing::HasSubstr("give 7 samples a client, expected 10"));
}

}  // namespace
}  // namespace fedtorch::partition
