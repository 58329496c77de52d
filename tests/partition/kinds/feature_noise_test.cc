#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::partition {
namespace {

TEST(FeatureNoise, GrowsLinearlyFromNoneToTheGivenNoise) {
  const data::Dataset dataset = Balanced(100, 10);
  const Split split = FromText("{name: feature_noise, noise: 0.8}")
                          ->Partition({.dataset = dataset, .num_clients = 5});
  EXPECT_THAT(split.feature_noise,
              testing::ElementsAre(0.0,
                                   testing::DoubleEq(0.2),
                                   testing::DoubleEq(0.4),
                                   testing::DoubleEq(0.6),
                                   0.8));
  EXPECT_THAT(SizesOf(split.shards), testing::Each(20));
}

TEST(FeatureNoise, IsNoneForASingleClient) {
  const data::Dataset dataset = Balanced(100, 10);
  const Split split = FromText("feature_noise")
                          ->Partition({.dataset = dataset, .num_clients = 1});
  EXPECT_THAT(split.feature_noise, testing::ElementsAre(0.0));
}

TEST(FeatureNoise, RefusesTokens) {
  data::Dataset dataset = Balanced(100, 10);
  dataset.type = data::FeatureType::kInt64;
  EXPECT_THAT(Refusal("feature_noise", {.dataset = dataset, .num_clients = 5}),
              testing::HasSubstr("are tokens, to which no noise can be added"));
}

}  // namespace
}  // namespace fedtorch::partition
