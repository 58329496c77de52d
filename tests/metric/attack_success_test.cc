#include "fedtorch/metric/attack_success.h"

#include "fedtorch/core/errors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace fedtorch::metric {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

TEST(AttackSuccess, LeavesOutTheTargetClass) {
  AttackSuccess success;
  // A perfect classifier of ten classes, target 7: it never does what the
  // attacker wants, though it says 7 for one sample in ten.
  for (std::int64_t label = 0; label < 10; ++label) {
    success.Add(label, label, 7);
  }
  EXPECT_EQ(success.count(), 9);
  EXPECT_EQ(success.Rate(), 0.0);
}

TEST(AttackSuccess, IsTheShareThatIsTakenForTheTarget) {
  AttackSuccess success;
  success.Add(7, 1, 7);
  success.Add(7, 2, 7);
  success.Add(2, 2, 7);
  success.Add(1, 2, 7);
  success.Add(7, 7, 7);
  EXPECT_EQ(success.hits(), 2);
  EXPECT_EQ(success.count(), 4);
  EXPECT_EQ(success.Rate(), 0.5);
}

TEST(AttackSuccess, HasNoRateWhereNothingCounts) {
  AttackSuccess success;
  success.Add(7, 7, 7);
  EXPECT_TRUE(std::isnan(success.Rate()));
}

TEST(SuccessOverRounds, IsLastHighestAndRecentMean) {
  const std::vector<double> rates{0.1, 0.9, 0.2, 0.6};
  const SuccessOverRounds two = SummariseSuccess(rates, 2);
  EXPECT_EQ(two.last, 0.6);
  EXPECT_EQ(two.best, 0.9);
  EXPECT_DOUBLE_EQ(two.recent_mean, 0.4);
  EXPECT_DOUBLE_EQ(SummariseSuccess(rates, 100).recent_mean, 0.45);
}

TEST(SuccessOverRounds, KeepsWhatIsNoNumber) {
  EXPECT_TRUE(std::isnan(SummariseSuccess({}, 1).best));
  for (std::size_t place = 0; place < 3; ++place) {
    std::vector<double> rates{0.1, 0.5, 0.2};
    rates[place] = kNotANumber;
    const SuccessOverRounds found = SummariseSuccess(rates, 3);
    EXPECT_TRUE(std::isnan(found.best)) << place;
    EXPECT_TRUE(std::isnan(found.recent_mean)) << place;
    EXPECT_EQ(std::isnan(found.last), place == 2);
    EXPECT_EQ(std::isnan(SummariseSuccess(rates, 1).recent_mean), place == 2);
  }
  EXPECT_THROW(SummariseSuccess({}, 0), core::Bug);
}

}  // namespace
}  // namespace fedtorch::metric
