#include "fedtorch/attack/options.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace fedtorch::attack {
namespace {

Options Read(const std::string& text) {
  auto document = config::Document::FromText("attack: " + text, "test.yaml");
  config::Section root = document.Root();
  Options options = Options::Read(root);
  document.Finish();
  return options;
}

std::vector<std::int64_t> Range(std::int64_t count) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

std::int64_t Sum(const std::vector<char>& members) {
  return std::count(members.begin(), members.end(), 1);
}

TEST(AttackOptions, CountAdversariesByNumberOrShare) {
  EXPECT_EQ(Read("{name: sign_flip, num_byzantine: 7}").Count(100), 7);
  EXPECT_EQ(Read("{name: sign_flip, byzantine_fraction: 0.25}").Count(10), 3);
  EXPECT_EQ(Read("{name: sign_flip, byzantine_fraction: 0.2}").Count(25), 5);
  EXPECT_FALSE(Read("none").present());
  EXPECT_FALSE(Read("{name: none, num_byzantine: 0}").present());
  EXPECT_TRUE(Read("{name: none, num_byzantine: 2}").present());
}

TEST(AttackOptions, DeclareWhatIsToBeExpected) {
  const Options fixed = Read("{name: sign_flip, num_byzantine: 20}");
  EXPECT_EQ(fixed.DeclaredF(100, 100), 20);
  EXPECT_EQ(fixed.DeclaredF(10, 100), 2);
  EXPECT_EQ(fixed.DeclaredF(11, 100), 3);  // 2.2, rounded up
  const Options declared =
      Read("{name: sign_flip, num_byzantine: 20, declared_f: 1}");
  EXPECT_EQ(declared.DeclaredF(10, 100), 1);
  const Options cohort =
      Read("{name: sign_flip, num_byzantine: 2, membership: cohort}");
  EXPECT_EQ(cohort.DeclaredF(10, 100), 2);
}

TEST(AttackOptions, RefuseWhatContradictsItself) {
  EXPECT_THROW(Read("{name: sign_flip}"), core::ConfigError);
  EXPECT_THROW(
      Read("{name: sign_flip, num_byzantine: 1, byzantine_fraction: 0.1}"),
      core::ConfigError);
  EXPECT_THROW(Read("{name: sign_flip, num_byzantine: 1, data: none, "
                    "membership: redrawn}"),
               core::ConfigError);
  EXPECT_THROW(Read("{name: sign_flip, num_byzantine: 1, start_round: 5, "
                    "end_round: 4}"),
               core::ConfigError);
  EXPECT_THROW(Read("{name: sign_flpi, num_byzantine: 1}"), core::ConfigError);
}

TEST(AttackOptions, FollowTheirSchedule) {
  const Options options = Read(
      "{name: sign_flip, num_byzantine: 1, start_round: 3, end_round: 8, "
      "every: 2}");
  std::vector<std::int64_t> active;
  for (std::int64_t round = 1; round <= 10; ++round) {
    if (options.ActiveIn(round)) active.push_back(round);
  }
  EXPECT_THAT(active, testing::ElementsAre(3, 5, 7));
  const Options once =
      Read("{name: sign_flip, num_byzantine: 1, start_round: 4, end_round: 4}");
  EXPECT_TRUE(once.ActiveIn(4));
  EXPECT_FALSE(once.ActiveIn(5));
}

TEST(AttackOptions, KeepFixedMembersAndRedrawOthers) {
  const auto all = Range(50);
  const Options fixed = Read("{name: sign_flip, num_byzantine: 10}");
  EXPECT_EQ(fixed.Members(all, 50, 1, 1), fixed.Members(all, 50, 1, 2));
  EXPECT_NE(fixed.Members(all, 50, 1, 1), fixed.Members(all, 50, 2, 1));
  EXPECT_EQ(Sum(fixed.Members(all, 50, 1, 1)), 10);
  const Options redrawn =
      Read("{name: sign_flip, num_byzantine: 10, membership: redrawn}");
  EXPECT_NE(redrawn.Members(all, 50, 1, 1), redrawn.Members(all, 50, 1, 2));
  EXPECT_EQ(Sum(redrawn.Members(all, 50, 1, 1)), 10);
  const Options cohort =
      Read("{name: sign_flip, num_byzantine: 3, membership: cohort}");
  EXPECT_EQ(
      Sum(cohort.Members(std::vector<std::int64_t>{4, 8, 9, 30}, 50, 1, 1)), 3);
}

TEST(AttackOptions, TakeAVaryingShareOfSampledCohorts) {
  // Hypergeometric: mean 10 * 10 / 50 = 2 over many cohorts.
  const Options fixed = Read("{name: sign_flip, num_byzantine: 10}");
  double sum = 0.0;
  std::int64_t most = 0;
  for (std::int64_t round = 0; round < 400; ++round) {
    core::Stream stream =
        core::Stream::Named(9, "cohorts", {static_cast<std::uint64_t>(round)});
    auto cohort = stream.SampleWithoutReplacement(50, 10);
    std::sort(cohort.begin(), cohort.end());
    const std::int64_t found = Sum(fixed.Members(cohort, 50, 1, round));
    sum += static_cast<double>(found);
    most = std::max(most, found);
  }
  EXPECT_NEAR(sum / 400.0, 2.0, 0.25);
  EXPECT_GE(most, 4);
}

TEST(AttackOptions, PutMembersWithoutDataLast) {
  const Options options =
      Read("{name: sign_flip, num_byzantine: 2, data: none}");
  EXPECT_EQ(options.Members(Range(5), 5, 1, 1),
            (std::vector<char>{0, 0, 0, 1, 1}));
}

}  // namespace
}  // namespace fedtorch::attack
