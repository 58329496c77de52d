#include "tests/fleet/select/selector_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::fleet::select {
namespace {

TEST(All, TakesEveryClientWhateverTheCohortSize) {
  const Cohort cohort = FromText("all")->Select(
      {.seed = 1, .round = 3, .cohort_size = 2, .shares = EqualShares(4)});
  EXPECT_THAT(cohort.clients, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(cohort.multiplicity, testing::Each(1));
}

}  // namespace
}  // namespace fedtorch::fleet::select
