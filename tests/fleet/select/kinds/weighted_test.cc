#include "fedtorch/core/errors.h"
#include "tests/fleet/select/selector_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace fedtorch::fleet::select {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::Lt;

constexpr const char* kWithout = "{name: weighted, replace: false}";

TEST(Weighted, DrawsWithReplacementAtTheFrequencyOfTheShares) {
  const std::vector<double> shares = SteepShares();
  const auto cohorts = SelectRounds(*FromText("weighted"), shares, 5, 4000);
  for (const Cohort& cohort : cohorts) {
    ASSERT_EQ(std::accumulate(cohort.multiplicity.begin(),
                              cohort.multiplicity.end(),
                              std::int64_t{0}),
              5);
  }
  std::vector<double> expected;
  for (const double share : shares) expected.push_back(5 * 4000 * share);
  // Nine degrees of freedom: the 0.1 % and 99.9 % points.
  EXPECT_THAT(ChiSquare(Counts(cohorts, shares.size()), expected),
              AllOf(Gt(1.152), Lt(27.877)));
}

TEST(Weighted, MayDrawAClientTwice) {
  // Two draws of two equal clients coincide in half of the rounds.
  double twice = 0.0;
  for (const Cohort& cohort :
       SelectRounds(*FromText("weighted"), EqualShares(2), 2, 4000)) {
    if (cohort.clients.size() == 1) {
      EXPECT_THAT(cohort.multiplicity, ElementsAre(2));
      twice += 1.0;
    }
  }
  EXPECT_NEAR(twice, 2000.0, 4.5 * 31.6);
}

TEST(Weighted, NeverDrawsAClientWithoutSamples) {
  const std::vector<double> shares = {0.0, 0.25, 0.0, 0.0, 0.75, 0.0};
  for (const char* text : {"weighted", kWithout}) {
    const auto counts =
        Counts(SelectRounds(*FromText(text), shares, 2, 3000), 6);
    EXPECT_GT(counts[1], 0.0);
    EXPECT_GT(counts[4], 0.0);
    for (const std::size_t client : {0u, 2u, 3u, 5u}) {
      EXPECT_EQ(counts[client], 0.0) << text << ", client " << client;
    }
  }
}

// Adds the probability of every set of `left` more successive draws, each in
// proportion to the shares not drawn yet.
void AddSets(const std::vector<double>& shares,
             std::int64_t left,
             std::vector<std::int64_t> drawn,
             double probability,
             std::map<std::vector<std::int64_t>, double>* sets) {
  if (left == 0) {
    std::sort(drawn.begin(), drawn.end());
    (*sets)[drawn] += probability;
    return;
  }
  double rest = 1.0;
  for (const std::int64_t client : drawn) {
    rest -= shares[static_cast<std::size_t>(client)];
  }
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto client = static_cast<std::int64_t>(i);
    if (std::find(drawn.begin(), drawn.end(), client) != drawn.end()) continue;
    std::vector<std::int64_t> more = drawn;
    more.push_back(client);
    AddSets(shares, left - 1, more, probability * shares[i] / rest, sets);
  }
}

TEST(Weighted, DrawsSetsWithoutReplacementByTheSuccessiveLaw) {
  const std::vector<double> shares = {0.1, 0.15, 0.2, 0.25, 0.3};
  // Degrees of freedom (number of sets less one) with their points: 9 each.
  for (const std::int64_t size : {std::int64_t{2}, std::int64_t{3}}) {
    std::map<std::vector<std::int64_t>, double> law;
    AddSets(shares, size, {}, 1.0, &law);
    std::map<std::vector<std::int64_t>, double> sets;
    constexpr std::int64_t kRounds = 10000;
    for (const Cohort& cohort :
         SelectRounds(*FromText(kWithout), shares, size, kRounds)) {
      ASSERT_THAT(cohort.multiplicity, Each(1));
      sets[cohort.clients] += 1.0;
    }
    std::vector<double> observed;
    std::vector<double> expected;
    for (const auto& [clients, probability] : law) {
      observed.push_back(sets[clients]);
      expected.push_back(probability * kRounds);
    }
    ASSERT_EQ(law.size(), 10u);
    EXPECT_THAT(ChiSquare(observed, expected), AllOf(Gt(1.152), Lt(27.877)));
  }
}

TEST(Weighted, SaysHowManyClientsHaveSamples) {
  const std::vector<double> shares = {0.5, 0.0, 0.5};
  try {
    FromText(kWithout)->Select(
        {.seed = 1, .round = 1, .cohort_size = 3, .shares = shares});
    FAIL() << "three of two were drawn";
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("expected at least 3, found 2"));
  }
}

TEST(Weighted, HasNoClosedFormWithoutReplacement) {
  const std::vector<double> shares = SteepShares();
  const Input input{.seed = 1, .round = 1, .cohort_size = 3, .shares = shares};
  EXPECT_EQ(FromText(kWithout)->ExpectedCount(input, 0), std::nullopt);
  EXPECT_DOUBLE_EQ(*FromText("weighted")->ExpectedCount(input, 5),
                   3.0 * 10.0 / 325.0);
}

}  // namespace
}  // namespace fedtorch::fleet::select
