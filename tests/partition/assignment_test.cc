#include "fedtorch/partition/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace fedtorch::partition {
namespace {

using testing::ElementsAre;

TEST(SplitFromOwners, ListsSamplesAscendingAndCountsTheRest) {
  const Split split =
      SplitFromOwners(std::vector<std::int64_t>{2, 0, kNobody, 2, 0, 2}, 4);
  EXPECT_THAT(split.shards.offsets, ElementsAre(0, 2, 2, 5, 5));
  EXPECT_THAT(split.shards.indices, ElementsAre(1, 4, 0, 3, 5));
  EXPECT_EQ(split.unassigned, 1);
}

TEST(DealRandomly, LeavesOverWhatTheSizesDoNotCover) {
  const std::vector<std::int64_t> sizes{3, 0, 4};
  const Split split = DealRandomly(sizes, 10, 7, "test");
  EXPECT_EQ(split.shards.SizeOf(0), 3);
  EXPECT_EQ(split.shards.SizeOf(1), 0);
  EXPECT_EQ(split.shards.SizeOf(2), 4);
  EXPECT_EQ(split.unassigned, 3);
}

TEST(DealRandomly, GivesEachSampleToEachClientEquallyOften) {
  const std::vector<std::int64_t> sizes{1, 1, 2};
  std::vector<std::vector<int>> times(3, std::vector<int>(4, 0));
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    const Split split =
        DealRandomly(sizes, 4, static_cast<std::uint64_t>(round), "test");
    for (std::int64_t client = 0; client < 3; ++client) {
      for (const std::int64_t sample : split.shards.Of(client)) {
        ++times[static_cast<std::size_t>(client)]
               [static_cast<std::size_t>(sample)];
      }
    }
  }
  // Binomial with p = 1/4 or 1/2: five standard deviations are 137 and 158.
  for (std::size_t sample = 0; sample < 4; ++sample) {
    EXPECT_NEAR(times[0][sample], kRounds / 4, 137);
    EXPECT_NEAR(times[1][sample], kRounds / 4, 137);
    EXPECT_NEAR(times[2][sample], kRounds / 2, 158);
  }
}

}  // namespace
}  // namespace fedtorch::partition
