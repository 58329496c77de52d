#include "fedtorch/partition/apportionment.h"

#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::ElementsAre;

TEST(EqualSizes, GiveTheRemainderToTheFirst) {
  EXPECT_THAT(EqualSizes(11, 4), ElementsAre(3, 3, 3, 2));
  EXPECT_THAT(EqualSizes(2, 3), ElementsAre(1, 1, 0));
}

TEST(LargestRemainder, RoundsUpTheLargestRemaindersAndTheFirstOfEquals) {
  EXPECT_THAT(LargestRemainder(std::vector{0.5, 0.5}, 3), ElementsAre(2, 1));
  // Quotas 3, 1.5 and 0.5.
  EXPECT_THAT(LargestRemainder(std::vector{6.0, 3.0, 1.0}, 5),
              ElementsAre(3, 2, 0));
  // 0.29 * 100 is 28.999999999999996 in double precision.
  EXPECT_THAT(LargestRemainder(std::vector{0.29, 0.71}, 100),
              ElementsAre(29, 71));
}

TEST(LargestRemainder, StaysWithinOneOfEveryQuotaAndSumsToTheTotal) {
  auto stream = core::Stream::Named(1, "test");
  for (int round = 0; round < 200; ++round) {
    std::vector<double> weights(1 + stream.Below(40));
    for (double& weight : weights) weight = std::exp(4.0 * stream.Normal());
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    const auto total = static_cast<std::int64_t>(stream.Below(100000));
    const auto sizes = LargestRemainder(weights, total);
    EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}),
              total);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(sizes[i]),
                  weights[i] / sum * static_cast<double>(total),
                  1.0);
    }
  }
}

std::vector<std::int64_t> Dense(const std::vector<Portion>& portions,
                                std::size_t clients) {
  std::vector<std::int64_t> counts(clients, 0);
  for (const Portion& portion : portions) {
    counts[static_cast<std::size_t>(portion.client)] += portion.count;
  }
  return counts;
}

TEST(CutByShares, CutsAtTheFloorOfTheCumulativeSum) {
  // 10 * (0.25, 0.5, 0.875, 1) = 2.5, 5, 8.75, 10.
  const auto portions = CutByShares(std::vector{0.25, 0.25, 0.375, 0.125}, 10);
  EXPECT_THAT(Dense(portions, 4), ElementsAre(2, 3, 3, 2));
}

TEST(CutByShares, GivesTheRestToTheLastClientThatMayHaveSome) {
  // A third three times does not reach 1 in floating point.
  const double third = 1.0 / 3.0 - 1e-16;
  const auto portions =
      CutByShares(std::vector{third, 0.0, third, third, 0.0}, 3000000);
  EXPECT_THAT(Dense(portions, 5), ElementsAre(999999, 0, 1000000, 1000001, 0));
}

TEST(CutByShares, ListsOnlyClientsThatGetSomething) {
  EXPECT_EQ(CutByShares(std::vector{0.0, 1.0, 0.0}, 5).size(), 1U);
}

}  // namespace
}  // namespace fedtorch::partition
