#include "fedtorch/partition/client_split.h"

#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::ElementsAre;

/// Makes clients of the given sizes that own samples 1000, 999, ...
ClientShards Shards(const std::vector<std::int64_t>& sizes) {
  ClientShards shards;
  std::int64_t sample = 1000;
  for (const std::int64_t size : sizes) {
    for (std::int64_t i = 0; i < size; ++i) shards.indices.push_back(sample--);
    shards.offsets.push_back(shards.offsets.back() + size);
  }
  return shards;
}

TEST(SplitClients, RoundsByLargestRemainder) {
  const ClientSplit split =
      SplitClients(Shards({10, 7, 3, 0, 1}), 0.7, 0.1, 0.2, 1);
  // 7: quotas 4.9, 0.7, 1.4; 3: quotas 2.1, 0.3, 0.6.
  EXPECT_THAT(SizesOf(split.train), ElementsAre(7, 5, 2, 0, 1));
  EXPECT_THAT(SizesOf(split.validation), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(SizesOf(split.test), ElementsAre(2, 1, 1, 0, 0));
}

TEST(SplitClients, LeavesASampleForTrainingWhateverTheFractions) {
  const ClientSplit split = SplitClients(Shards({1, 2, 4}), 0.1, 0.0, 0.9, 1);
  EXPECT_THAT(SizesOf(split.train), ElementsAre(1, 1, 1));
  EXPECT_THAT(SizesOf(split.validation), ElementsAre(0, 0, 0));
  EXPECT_THAT(SizesOf(split.test), ElementsAre(0, 1, 3));
}

TEST(SplitClients, KeepsEverySampleOfEveryClientExactlyOnceAndInOrder) {
  const ClientShards shards = Shards({40, 0, 13, 200, 5});
  const ClientSplit split = SplitClients(shards, 0.5, 0.25, 0.25, 3);
  for (std::int64_t client = 0; client < shards.num_clients(); ++client) {
    std::vector<std::int64_t> joined;
    for (const ClientShards* part :
         {&split.train, &split.validation, &split.test}) {
      const auto samples = part->Of(client);
      EXPECT_TRUE(std::is_sorted(samples.rbegin(), samples.rend()));
      joined.insert(joined.end(), samples.begin(), samples.end());
    }
    std::ranges::sort(joined, std::greater<>());
    EXPECT_THAT(joined, testing::ElementsAreArray(shards.Of(client)));
  }
}

TEST(SplitClients, PutsEachSampleIntoTestWithTheProbabilityOfItsFraction) {
  const ClientShards shards = Shards({8});
  std::array<int, 8> times{};
  constexpr int kSeeds = 4000;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const ClientSplit split =
        SplitClients(shards, 0.75, 0.0, 0.25, static_cast<std::uint64_t>(seed));
    for (const std::int64_t sample : split.test.Of(0)) {
      ++times[static_cast<std::size_t>(1000 - sample)];
    }
  }
  // Five standard deviations of Binomial(4000, 1/4).
  EXPECT_THAT(times,
              testing::Each(testing::AllOf(testing::Gt(1000 - 137),
                                           testing::Lt(1000 + 137))));
}

TEST(SplitClients, DependsOnTheClientsNumberAndSizeAlone) {
  const ClientSplit two = SplitClients(Shards({6, 9}), 0.5, 0.0, 0.5, 4);
  const ClientSplit three = SplitClients(Shards({6, 9, 50}), 0.5, 0.0, 0.5, 4);
  EXPECT_THAT(three.train.Of(1), testing::ElementsAreArray(two.train.Of(1)));
}

TEST(SplitClients, AcceptsNoFractionsThatDoNotSumToOne) {
  EXPECT_THROW(SplitClients(Shards({5}), 0.5, 0.1, 0.1, 1), core::Bug);
  EXPECT_THROW(SplitClients(Shards({5}), 0.0, 0.5, 0.5, 1), core::Bug);
}

}  // namespace
}  // namespace fedtorch::partition
