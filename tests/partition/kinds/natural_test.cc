#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Makes ann with 3 samples, ben with 1, cid with 2 and dot with none.
data::Dataset FourOwners() {
  data::Dataset dataset = Balanced(6, 2);
  dataset.owners = {0, 2, 0, 1, 2, 0};
  dataset.owner_names = {"ann", "ben", "cid", "dot"};
  return dataset;
}

TEST(Natural, MakesAClientOfEachOwnerWithSamples) {
  const data::Dataset dataset = FourOwners();
  const Split split = FromText("natural")->Partition({.dataset = dataset});
  EXPECT_THAT(split.client_names, ElementsAre("ann", "ben", "cid"));
  EXPECT_THAT(split.shards.Of(0), ElementsAre(0, 2, 5));
  EXPECT_THAT(split.shards.Of(1), ElementsAre(3));
  EXPECT_THAT(split.shards.Of(2), ElementsAre(1, 4));
  EXPECT_EQ(split.unassigned, 0);
}

TEST(Natural, LeavesOutOwnersBelowTheMinimumAndCountsTheirSamples) {
  const data::Dataset dataset = FourOwners();
  const Split split =
      FromText("natural")->Partition({.dataset = dataset, .min_samples = 2});
  EXPECT_THAT(split.client_names, ElementsAre("ann", "cid"));
  EXPECT_THAT(SizesOf(split.shards), ElementsAre(3, 2));
  EXPECT_EQ(split.unassigned, 1);
}

TEST(Natural, DrawsEachOwnerEquallyOftenWhereFewerAreWanted) {
  data::Dataset dataset = Balanced(40, 2);
  for (std::int32_t i = 0; i < 40; ++i) dataset.owners.push_back(i % 8);
  for (int owner = 0; owner < 8; ++owner) {
    dataset.owner_names.push_back(std::to_string(owner));
  }
  std::vector<int> times(8, 0);
  for (std::uint64_t seed = 0; seed < 1600; ++seed) {
    const Split split = FromText("natural")->Partition(
        {.dataset = dataset, .num_clients = 3, .seed = seed});
    ASSERT_EQ(split.shards.num_clients(), 3);
    EXPECT_EQ(split.unassigned, 25);
    EXPECT_TRUE(std::ranges::is_sorted(split.client_names));
    for (std::int64_t client = 0; client < 3; ++client) {
      const int owner =
          std::stoi(split.client_names[static_cast<std::size_t>(client)]);
      ++times[static_cast<std::size_t>(owner)];
      EXPECT_EQ(split.shards.Of(client).front(), owner);
    }
  }
  // Five standard deviations of Binomial(1600, 3/8).
  for (const int count : times) EXPECT_NEAR(count, 600, 97);
}

TEST(Natural, RefusesMoreClientsThanOwnersNamingBoth) {
  const data::Dataset dataset = FourOwners();
  EXPECT_THAT(Refusal("natural",
                      {.dataset = dataset, .num_clients = 3, .min_samples = 2}),
              testing::AllOf(HasSubstr("expected 3 clients (num_clients)"),
                             HasSubstr("2 of the 4 owners"),
                             HasSubstr("at least 2 samples")));
}

TEST(Natural, RefusesAMinimumThatNoOwnerMeets) {
  const data::Dataset dataset = FourOwners();
  EXPECT_THAT(Refusal("natural", {.dataset = dataset, .min_samples = 4}),
              HasSubstr("(the largest has 3); lower min_samples"));
}

TEST(Natural, RefusesDataWithoutOwners) {
  const data::Dataset dataset = Balanced(10, 2);
  EXPECT_THAT(Refusal("natural", {.dataset = dataset}),
              HasSubstr("does not say who owns which sample"));
}

}  // namespace
}  // namespace fedtorch::partition
