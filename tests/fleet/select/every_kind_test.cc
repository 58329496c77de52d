// What holds for every selection.

#include "fedtorch/core/errors.h"
#include "tests/fleet/select/selector_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace fedtorch::fleet::select {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Ge;

class EverySelection : public testing::TestWithParam<const Kind*> {
 protected:
  std::unique_ptr<Selector> Make() const {
    return FromText(std::string(GetParam()->name));
  }
};

TEST_P(EverySelection, ListsDistinctClientsInAscendingOrder) {
  for (const std::vector<double>& shares : {SteepShares(), EqualShares(40)}) {
    for (const Cohort& cohort : SelectRounds(*Make(), shares, 6, 50)) {
      ASSERT_EQ(cohort.clients.size(), cohort.multiplicity.size());
      EXPECT_THAT(cohort.multiplicity, Each(Ge(1)));
      for (std::size_t i = 0; i < cohort.clients.size(); ++i) {
        EXPECT_GE(cohort.clients[i], i == 0 ? 0 : cohort.clients[i - 1] + 1);
        EXPECT_LT(cohort.clients[i], static_cast<std::int64_t>(shares.size()));
      }
    }
  }
}

TEST_P(EverySelection, DependsOnSeedAndRoundAlone) {
  const std::vector<double> shares = EqualShares(30);
  const auto forward = SelectRounds(*Make(), shares, 5, 20);
  const auto selector = Make();
  for (std::int64_t round = 20; round >= 1; --round) {
    const Cohort again = selector->Select(
        {.seed = 7, .round = round, .cohort_size = 5, .shares = shares});
    const Cohort& first = forward[static_cast<std::size_t>(round - 1)];
    EXPECT_EQ(again.clients, first.clients);
    EXPECT_EQ(again.multiplicity, first.multiplicity);
  }
}

TEST_P(EverySelection, ChangesWithTheSeedWhereChanceDecides) {
  if (GetParam()->name == "all" || GetParam()->name == "round_robin") {
    GTEST_SKIP() << "no chance in it";
  }
  const std::vector<double> shares = EqualShares(1000);
  std::set<std::vector<std::int64_t>> cohorts;
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    for (const std::int64_t round : {1, 2, 3, 4}) {
      cohorts.insert(Make()
                         ->Select({.seed = seed,
                                   .round = round,
                                   .cohort_size = 30,
                                   .shares = shares})
                         .clients);
    }
  }
  EXPECT_EQ(cohorts.size(), 16u);
}

TEST_P(EverySelection, DrawsEachClientAsOftenAsItSays) {
  const std::vector<double> shares = SteepShares();
  const auto selector = Make();
  constexpr std::int64_t kRounds = 20000;
  const std::vector<double> counts =
      Counts(SelectRounds(*selector, shares, 4, kRounds), shares.size());
  const Input input{.seed = 7, .round = 1, .cohort_size = 4, .shares = shares};
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto expected =
        selector->ExpectedCount(input, static_cast<std::int64_t>(i));
    ASSERT_TRUE(expected.has_value());
    // The variance of a count is at most its mean (Poisson), so five
    // deviations of the mean of the rounds are:
    const double tolerance = 5.0 * std::sqrt(*expected / kRounds);
    EXPECT_NEAR(counts[i] / kRounds, *expected, tolerance) << "client " << i;
  }
}

TEST_P(EverySelection, TakesTheOnlyClientThereIs) {
  for (const Cohort& cohort : SelectRounds(*Make(), {1.0}, 1, 10)) {
    EXPECT_THAT(cohort.clients, ElementsAre(0));
    EXPECT_THAT(cohort.multiplicity, ElementsAre(1));
  }
}

TEST_P(EverySelection, RefusesACohortBeyondThePopulation) {
  if (GetParam()->name == "all") GTEST_SKIP() << "reads no cohort size";
  const std::vector<double> shares = EqualShares(5);
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{6}}) {
    EXPECT_THROW(
        Make()->Select(
            {.seed = 1, .round = 1, .cohort_size = size, .shares = shares}),
        core::Bug);
  }
}

TEST_P(EverySelection, StatesWhereItComesFrom) {
  EXPECT_FALSE(GetParam()->summary.empty());
  EXPECT_FALSE(GetParam()->source.empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EverySelection,
                         testing::ValuesIn(AllKinds()),
                         [](const auto& one) {
                           return std::string(one.param->name);
                         });

TEST(SelectionKinds, AreNamedAsTheirFiles) {
  std::vector<std::string_view> names;
  for (const Kind* kind : Kinds()) names.push_back(kind->name);
  EXPECT_THAT(names, testing::ElementsAreArray(KindFileStems()));
  EXPECT_THAT(
      names,
      ElementsAre("all", "poisson", "round_robin", "uniform", "weighted"));
}

}  // namespace
}  // namespace fedtorch::fleet::select
