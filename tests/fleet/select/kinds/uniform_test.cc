#include "tests/fleet/select/selector_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace fedtorch::fleet::select {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Gt;
using testing::Lt;

TEST(Uniform, IncludesEveryClientWithProbabilitySOverN) {
  constexpr std::size_t kClients = 20;
  constexpr double kRounds = 10000;
  constexpr double kRate = 5.0 / 20.0;
  const auto cohorts =
      SelectRounds(*FromText("uniform"), EqualShares(kClients), 5, 10000);
  for (const Cohort& cohort : cohorts) {
    ASSERT_EQ(cohort.clients.size(), 5u);
    ASSERT_THAT(cohort.multiplicity, Each(1));
  }
  // Inclusions of a round have covariance
  // q (1 - q) N / (N - 1) (identity - ones / N), so this is chi-square with
  // 19 degrees of freedom; its 0.1 % and 99.9 % points.
  double statistic = 0.0;
  for (const double count : Counts(cohorts, kClients)) {
    const double difference = count - kRounds * kRate;
    statistic += difference * difference;
  }
  statistic /= kRounds * kRate * (1.0 - kRate) * 20.0 / 19.0;
  EXPECT_THAT(statistic, AllOf(Gt(5.407), Lt(43.820)));
}

TEST(Uniform, DrawsEverySetEquallyOften) {
  std::map<std::vector<std::int64_t>, double> sets;
  for (const Cohort& cohort :
       SelectRounds(*FromText("uniform"), EqualShares(6), 3, 10000)) {
    sets[cohort.clients] += 1.0;
  }
  ASSERT_EQ(sets.size(), 20u);  // 6 choose 3
  std::vector<double> observed;
  for (const auto& [clients, count] : sets) observed.push_back(count);
  EXPECT_THAT(ChiSquare(observed, std::vector<double>(20, 500.0)),
              AllOf(Gt(5.407), Lt(43.820)));
}

TEST(Uniform, IgnoresShares) {
  const auto selector = FromText("uniform");
  const auto steep = SelectRounds(*selector, SteepShares(), 4, 30);
  const auto equal = SelectRounds(*selector, EqualShares(10), 4, 30);
  for (std::size_t i = 0; i < steep.size(); ++i) {
    EXPECT_EQ(steep[i].clients, equal[i].clients);
  }
}

TEST(Uniform, TakesAllWhenTheCohortIsThePopulation) {
  for (const Cohort& cohort :
       SelectRounds(*FromText("uniform"), EqualShares(4), 4, 20)) {
    EXPECT_THAT(cohort.clients, testing::ElementsAre(0, 1, 2, 3));
  }
}

}  // namespace
}  // namespace fedtorch::fleet::select
