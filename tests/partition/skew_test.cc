#include "fedtorch/partition/skew.h"

#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::partition {
namespace {

using testing::ElementsAre;

TEST(CountClasses, ListsWhatIsThereInAscendingOrder) {
  const data::Dataset dataset = WithTargets({2, 0, 2, 1, 0, 2}, 4);
  const ClientShards shards{.offsets = {0, 3, 3, 5},
                            .indices = {0, 1, 2, 5, 3}};
  const ClassCounts counts = CountClasses(shards, dataset);
  using Entry = ClassCounts::Entry;
  EXPECT_THAT(counts.Of(0), ElementsAre(Entry{0, 1}, Entry{2, 2}));
  EXPECT_TRUE(counts.Of(1).empty());
  EXPECT_THAT(counts.Of(2), ElementsAre(Entry{1, 1}, Entry{2, 1}));
}

TEST(CountClasses, CountsEveryPositionOfAText) {
  data::Dataset dataset = WithTargets({0, 1, 1, 2, 2, 2}, 3);
  dataset.target_length = 3;
  const ClientShards shards{.offsets = {0, 1, 2}, .indices = {1, 0}};
  const ClassCounts counts = CountClasses(shards, dataset);
  using Entry = ClassCounts::Entry;
  EXPECT_THAT(counts.Of(0), ElementsAre(Entry{2, 3}));
  EXPECT_THAT(counts.Of(1), ElementsAre(Entry{0, 1}, Entry{1, 2}));
}

TEST(MeasureSkew, IsTheHandComputedOneOfThreeClients) {
  // Client 0: classes 0, 0, 0, 1; client 1: class 1, 1; client 2: nothing.
  // Global law: 1/2, 1/2, 0.
  const data::Dataset dataset = WithTargets({0, 0, 0, 1, 1, 1}, 3);
  const ClientShards shards{.offsets = {0, 4, 6, 6},
                            .indices = {0, 1, 2, 3, 4, 5}};
  const Skew skew = MeasureSkew(shards, dataset);
  const double entropy = -0.75 * std::log(0.75) - 0.25 * std::log(0.25);
  EXPECT_EQ(skew.num_clients, 3);
  EXPECT_EQ(skew.num_samples, 6);
  EXPECT_DOUBLE_EQ(skew.classes_present, 1.5);
  EXPECT_DOUBLE_EQ(skew.label_entropy, entropy / 2.0);
  EXPECT_DOUBLE_EQ(skew.effective_classes, (std::exp(entropy) + 1.0) / 2.0);
  EXPECT_DOUBLE_EQ(skew.top_class_share, 0.875);
  EXPECT_DOUBLE_EQ(skew.tv_to_global, (0.25 + 0.5) / 2.0);
  EXPECT_DOUBLE_EQ(skew.mean_size, 2.0);
  // Squared deviations 4, 0, 4; mean absolute difference 16 / 9.
  EXPECT_DOUBLE_EQ(skew.size_cv, std::sqrt(8.0 / 3.0) / 2.0);
  EXPECT_DOUBLE_EQ(skew.size_gini, 16.0 / 9.0 / 4.0);
  EXPECT_EQ(skew.min_size, 0);
  EXPECT_EQ(skew.max_size, 4);
}

TEST(MeasureSkew, IsNoneForEqualClients) {
  const data::Dataset dataset = Balanced(60, 6);
  ClientShards shards;
  for (std::int64_t i = 0; i < 60; ++i) {
    shards.indices.push_back(i);
    if (i % 12 == 11) shards.offsets.push_back(i + 1);
  }
  const Skew skew = MeasureSkew(shards, dataset);
  EXPECT_DOUBLE_EQ(skew.classes_present, 6.0);
  EXPECT_NEAR(skew.effective_classes, 6.0, 1e-12);
  EXPECT_NEAR(skew.tv_to_global, 0.0, 1e-12);
  EXPECT_DOUBLE_EQ(skew.size_cv, 0.0);
  EXPECT_DOUBLE_EQ(skew.size_gini, 0.0);
}

TEST(MeasureSkew, IsLargestForOneClassAClient) {
  // TV to the global law of K equal classes is 1 - 1/K.
  const data::Dataset dataset = WithTargets({0, 1, 2, 3, 4}, 5);
  const ClientShards shards{.offsets = {0, 1, 2, 3, 4, 5},
                            .indices = {4, 2, 0, 1, 3}};
  const Skew skew = MeasureSkew(shards, dataset);
  EXPECT_DOUBLE_EQ(skew.effective_classes, 1.0);
  EXPECT_DOUBLE_EQ(skew.top_class_share, 1.0);
  EXPECT_DOUBLE_EQ(skew.tv_to_global, 0.8);
}

TEST(MeasureSkew, DependsOnTheCountsAloneToTheLastBit) {
  const data::Dataset dataset = Unbalanced(7, 13, 5);
  const auto count = static_cast<std::int64_t>(dataset.targets.size());
  ClientShards shards{.offsets = {0, 100, 250, count}, .indices = {}};
  for (std::int64_t i = 0; i < count; ++i) shards.indices.push_back(i);
  const Skew ascending = MeasureSkew(shards, dataset);
  auto stream = core::Stream::Named(1, "test");
  for (std::size_t client = 0; client < 3; ++client) {
    const auto begin = static_cast<std::size_t>(shards.offsets[client]);
    const auto end = static_cast<std::size_t>(shards.offsets[client + 1]);
    stream.Shuffle(std::span(shards.indices).subspan(begin, end - begin));
  }
  const Skew shuffled = MeasureSkew(shards, dataset);
  EXPECT_EQ(ascending.label_entropy, shuffled.label_entropy);
  EXPECT_EQ(ascending.tv_to_global, shuffled.tv_to_global);
}

TEST(PartitionHash, IsTheSha256OfLittleEndianOffsetsAndIndices) {
  // hashlib.sha256(struct.pack('<6q', 0, 2, 3, 4, 0, 7)).hexdigest()
  EXPECT_EQ(PartitionHash({.offsets = {0, 2, 3}, .indices = {4, 0, 7}}),
            "958969d1b02077ccbc99993afc54b513d7436f7da423ad34e4e2d5f56b2b4b52");
}

}  // namespace
}  // namespace fedtorch::partition
