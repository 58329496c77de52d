#include "fedtorch/fleet/stragglers.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace fedtorch::fleet {
namespace {

using testing::AllOf;
using testing::Gt;
using testing::IsEmpty;
using testing::Lt;
using Policy = StragglerOptions::Policy;

// Clients 10, 20, 30, ... with multiplicities 1, 2, 3, ...
select::Cohort Members(std::int64_t size) {
  select::Cohort cohort;
  for (std::int64_t i = 1; i <= size; ++i) {
    cohort.clients.push_back(10 * i);
    cohort.multiplicity.push_back(i);
  }
  return cohort;
}

std::int64_t CountStragglers(const std::vector<Assignment>& assignments) {
  return std::count_if(assignments.begin(),
                       assignments.end(),
                       [](const auto& one) { return one.straggler; });
}

StragglerOptions Read(const std::string& text) {
  auto document = config::Document::FromText(text, "stragglers_test.yaml");
  auto root = document.Root();
  const StragglerOptions options = StragglerOptions::Read(root);
  document.Finish();
  return options;
}

TEST(Stragglers, AreNoneByDefault) {
  const auto assignments = AssignWork({}, Members(5), 3, 1, 1);
  ASSERT_EQ(assignments.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(assignments[i].client, static_cast<std::int64_t>(10 * (i + 1)));
    EXPECT_EQ(assignments[i].multiplicity, static_cast<std::int64_t>(i + 1));
    EXPECT_EQ(assignments[i].epochs, 3);
    EXPECT_FALSE(assignments[i].straggler);
  }
}

TEST(Stragglers, AreTheNearestCountOfTheFraction) {
  struct Case {
    double fraction;
    std::int64_t cohort;
    std::int64_t expected;
  };
  // 0.9 of 10 in binary is a little more or less than 9; 0.25 * 10 rounds up.
  for (const Case& one : {Case{0.9, 10, 9},
                          Case{0.5, 10, 5},
                          Case{0.25, 10, 3},
                          Case{0.24, 10, 2},
                          Case{1.0, 7, 7},
                          Case{0.1, 3, 0},
                          Case{0.7, 0, 0}}) {
    for (std::int64_t round = 1; round <= 20; ++round) {
      EXPECT_EQ(
          CountStragglers(AssignWork(
              {.fraction = one.fraction}, Members(one.cohort), 5, 1, round)),
          one.expected)
          << one.fraction << " of " << one.cohort;
    }
  }
}

TEST(Stragglers, LoseTheirWorkUnderDrop) {
  for (const Assignment& one :
       AssignWork({.fraction = 0.5}, Members(10), 20, 1, 1)) {
    EXPECT_EQ(one.epochs, one.straggler ? 0 : 20);
  }
}

TEST(Stragglers, RunOneToEMinusOneEpochsUniformlyUnderPartial) {
  std::vector<double> counts(6, 0.0);
  for (std::int64_t round = 1; round <= 1000; ++round) {
    for (const Assignment& one :
         AssignWork({.fraction = 0.8, .policy = Policy::kPartial},
                    Members(10),
                    5,
                    3,
                    round)) {
      ASSERT_GE(one.epochs, 1);
      ASSERT_LE(one.epochs, 5);
      ASSERT_EQ(one.epochs == 5, !one.straggler);
      counts[static_cast<std::size_t>(one.epochs)] += 1.0;
    }
  }
  // 8000 draws of {1, 2, 3, 4}: three degrees of freedom, the 0.1 % and
  // 99.9 % points.
  double statistic = 0.0;
  for (std::size_t epochs = 1; epochs <= 4; ++epochs) {
    statistic += (counts[epochs] - 2000.0) * (counts[epochs] - 2000.0) / 2000.0;
  }
  EXPECT_THAT(statistic, AllOf(Gt(0.0243), Lt(16.266)));
}

TEST(Stragglers, RunTheirOneEpochWhereThereIsOnlyOne) {
  for (const std::int64_t epochs : {std::int64_t{1}, std::int64_t{2}}) {
    for (const Assignment& one :
         AssignWork({.fraction = 1.0, .policy = Policy::kPartial},
                    Members(6),
                    epochs,
                    1,
                    1)) {
      EXPECT_EQ(one.epochs, 1);
      EXPECT_TRUE(one.straggler);
    }
  }
}

TEST(Stragglers, AreEveryMemberEquallyOften) {
  std::vector<double> counts(10, 0.0);
  for (std::int64_t round = 1; round <= 10000; ++round) {
    const auto assignments =
        AssignWork({.fraction = 0.3}, Members(10), 2, 5, round);
    for (std::size_t i = 0; i < 10; ++i) {
      if (assignments[i].straggler) counts[i] += 1.0;
    }
  }
  // As for uniform selection: q (1 - q) N / (N - 1) a round, nine degrees of
  // freedom.
  double statistic = 0.0;
  for (const double count : counts) {
    statistic += (count - 3000.0) * (count - 3000.0);
  }
  statistic /= 10000.0 * 0.3 * 0.7 * 10.0 / 9.0;
  EXPECT_THAT(statistic, AllOf(Gt(1.152), Lt(27.877)));
}

TEST(Stragglers, AreTheSameUnderBothPolicies) {
  // So that dropping and partial work can be compared on equal draws.
  for (std::int64_t round = 1; round <= 20; ++round) {
    const auto dropped =
        AssignWork({.fraction = 0.5}, Members(10), 9, 1, round);
    const auto partial =
        AssignWork({.fraction = 0.5, .policy = Policy::kPartial},
                   Members(10),
                   9,
                   1,
                   round);
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(dropped[i].straggler, partial[i].straggler);
    }
  }
}

TEST(Stragglers, DependOnSeedAndRoundAlone) {
  const StragglerOptions options{.fraction = 0.5, .policy = Policy::kPartial};
  const auto epochs = [&](std::uint64_t seed, std::int64_t round) {
    std::vector<std::int64_t> all;
    for (const auto& one : AssignWork(options, Members(40), 9, seed, round)) {
      all.push_back(one.epochs);
    }
    return all;
  };
  EXPECT_EQ(epochs(1, 1), epochs(1, 1));
  EXPECT_NE(epochs(1, 1), epochs(1, 2));
  EXPECT_NE(epochs(1, 1), epochs(2, 1));
}

TEST(Stragglers, AreReadFromTheConfig) {
  EXPECT_EQ(Read("{}").fraction, 0.0);
  EXPECT_EQ(Read("{}").policy, Policy::kDrop);
  const StragglerOptions options = Read("{fraction: 0.9, policy: partial}");
  EXPECT_EQ(options.fraction, 0.9);
  EXPECT_EQ(options.policy, Policy::kPartial);
  EXPECT_THROW(Read("fraction: 1.1"), core::ConfigError);
  EXPECT_THROW(Read("policy: late"), core::ConfigError);
}

TEST(Stragglers, OfAnEmptyCohortAreNone) {
  EXPECT_THAT(AssignWork({.fraction = 1.0}, {}, 3, 1, 1), IsEmpty());
}

}  // namespace
}  // namespace fedtorch::fleet
