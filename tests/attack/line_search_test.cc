#include "fedtorch/attack/line_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

std::vector<double> TrialsOf(const LineSearch& search, double top) {
  std::vector<double> trials;
  search.Climb([&](double t) {
    trials.push_back(t);
    return -std::fabs(t - top);
  });
  return trials;
}

TEST(LineSearch, DoublesUntilAFailureAndThenShrinks) {
  const LineSearch search{
      .start = 0.0, .step = 1.0, .shrink = 0.5, .evaluations = 8};
  // 0, +1 better, +2 better, +4 no better (7 is as far from 5 as 3), then
  // halves: +2 better, and again +2, for a success leaves the step alone.
  EXPECT_THAT(TrialsOf(search, 5.0),
              ElementsAre(0.0, 1.0, 3.0, 7.0, 5.0, 7.0, 6.0, 5.5));
}

TEST(LineSearch, CountsTheStartAsATrial) {
  EXPECT_EQ(TrialsOf({}, 1.0).size(), 20U);
  EXPECT_THAT(TrialsOf({.start = 3.0, .evaluations = 1}, 1.0),
              ElementsAre(3.0));
}

TEST(LineSearch, NeverTakesWhatIsNoNumber) {
  const LineSearch::Best best = LineSearch{}.Climb([](double t) {
    return t > 4.0 ? std::numeric_limits<double>::quiet_NaN() : t;
  });
  EXPECT_LE(best.t, 4.0);
  EXPECT_GT(best.t, 3.0);
}

}  // namespace
}  // namespace fedtorch::attack
