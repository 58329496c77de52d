#include "fedtorch/partition/class_lists.h"

#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::ElementsAre;

TEST(ListByClass, SortsStably) {
  const ClassLists lists = ListByClass(WithTargets({3, 0, 3, 1, 0}, 4), "test");
  EXPECT_THAT(lists.offsets, ElementsAre(0, 2, 3, 3, 5));
  EXPECT_THAT(lists.samples, ElementsAre(1, 4, 3, 0, 2));
}

TEST(ListByClass, RefusesTextsWithATargetAtEachPosition) {
  try {
    ListByClass(Texts(10, 80), "shards");
    FAIL() << "not refused";
  } catch (const core::ConfigError& error) {
    EXPECT_STREQ(
        error.what(),
        "error: cannot partition by 'shards': a sample of data set 'texts' "
        "has 80 targets (one for each position) and therefore no "
        "class; use iid, natural, quantity_skew or "
        "lognormal_quantity");
  }
}

TEST(ListByClass, TakesAWrongTargetForABug) {
  EXPECT_THROW(ListByClass(WithTargets({0, 4}, 4), "test"), core::Bug);
}

TEST(ShuffleWithinClasses, KeepsTheClassesAndDependsOnNoOtherClass) {
  ClassLists lists = ListByClass(Unbalanced(20, 5, 1), "test");
  const ClassLists sorted = lists;
  ShuffleWithinClasses(lists, 1, "test");
  for (std::int64_t label = 0; label < 5; ++label) {
    EXPECT_FALSE(std::ranges::is_sorted(lists.Of(label)));
    EXPECT_TRUE(std::ranges::is_permutation(lists.Of(label), sorted.Of(label)));
  }

  // The same class behind a class of another size is shuffled alike.
  std::vector<std::int64_t> targets(30, 1);
  ClassLists alone = ListByClass(WithTargets(targets, 2), "test");
  ShuffleWithinClasses(alone, 1, "test");
  targets.insert(targets.end(), 7, 0);
  ClassLists both = ListByClass(WithTargets(targets, 2), "test");
  ShuffleWithinClasses(both, 1, "test");
  EXPECT_TRUE(std::ranges::equal(alone.Of(1), both.Of(1)));
}

}  // namespace
}  // namespace fedtorch::partition
