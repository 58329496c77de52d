#include "tests/fleet/select/selector_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fedtorch::fleet::select {
namespace {

using testing::Each;
using testing::ElementsAre;

TEST(RoundRobin, GoesOnWhereTheLastRoundEnded) {
  const auto cohorts =
      SelectRounds(*FromText("round_robin"), EqualShares(7), 3, 4);
  EXPECT_THAT(cohorts[0].clients, ElementsAre(0, 1, 2));
  EXPECT_THAT(cohorts[1].clients, ElementsAre(3, 4, 5));
  EXPECT_THAT(cohorts[2].clients, ElementsAre(0, 1, 6));
  EXPECT_THAT(cohorts[3].clients, ElementsAre(2, 3, 4));
}

TEST(RoundRobin, GivesEveryClientTheSameNumberOfTurns) {
  // 12 rounds of 5 among 20 are three times around.
  const auto cohorts =
      SelectRounds(*FromText("round_robin"), EqualShares(20), 5, 12);
  EXPECT_THAT(Counts(cohorts, 20), Each(3.0));
  // 7 rounds of 3 among 7 are three times around as well.
  EXPECT_THAT(
      Counts(SelectRounds(*FromText("round_robin"), EqualShares(7), 3, 7), 7),
      Each(3.0));
}

TEST(RoundRobin, KnowsItsPlaceInAnyRound) {
  // 2^10 = 1 modulo 11, so round - 1 = 2^63 - 2 = 8 - 2 = 6, and three clients
  // a round start at 18 = 7.
  constexpr std::int64_t kRound = std::numeric_limits<std::int64_t>::max();
  const Cohort cohort = FromText("round_robin")
                            ->Select({.seed = 1,
                                      .round = kRound,
                                      .cohort_size = 3,
                                      .shares = EqualShares(11)});
  EXPECT_THAT(cohort.clients, ElementsAre(7, 8, 9));
}

}  // namespace
}  // namespace fedtorch::fleet::select
