#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;

TEST(Bucketing, OfSizeOneIsAPermutation) {
  const Rows rows = DrawRows(1, 9, 4);
  Rows staged = Staged("{name: bucketing, size: 1}", rows, {.seed = 3});
  EXPECT_NE(staged, rows);
  EXPECT_THAT(staged, testing::UnorderedElementsAreArray(rows));
}

TEST(Bucketing, OfAllRowsIsTheMean) {
  const Rows rows = DrawRows(2, 7, 4);
  for (const int size : {7, 8, 1000}) {
    const Rows staged =
        Staged("{name: bucketing, size: " + std::to_string(size) + "}", rows);
    ASSERT_EQ(staged.size(), 1u);
    EXPECT_THAT(staged[0], Pointwise(DoubleNear(1e-12), Joined("mean", rows)));
  }
}

TEST(Bucketing, OfEqualBucketsKeepsTheMean) {
  const Rows rows = DrawRows(3, 12, 4);
  for (const int size : {2, 3, 4, 6}) {
    const Pipeline pipeline = PipelineFrom(
        {"{name: bucketing, size: " + std::to_string(size) + "}"}, "mean");
    EXPECT_THAT(Join(pipeline, rows, {}, false).vector,
                Pointwise(DoubleNear(1e-12), Joined("mean", rows)));
  }
}

TEST(Bucketing, GivesTheLastBucketItsOwnMean) {
  // Five rows of powers of two: which rows a bucket holds shows in its sum.
  const Rows rows = {{1}, {2}, {4}, {8}, {16}};
  const Rows staged = Staged("{name: bucketing, size: 2}", rows);
  ASSERT_EQ(staged.size(), 3u);
  EXPECT_EQ(2 * staged[0][0] + 2 * staged[1][0] + staged[2][0], 31.0);
}

TEST(Bucketing, DrawsAnewEveryRoundFromItsSeed) {
  const Rows rows = DrawRows(4, 10, 2);
  const std::string stage = "bucketing";
  const Rows first = Staged(stage, rows, {.seed = 1, .round = 1});
  EXPECT_EQ(first.size(), 5u);
  EXPECT_EQ(Staged(stage, rows, {.seed = 1, .round = 1}), first);
  EXPECT_NE(Staged(stage, rows, {.seed = 1, .round = 2}), first);
  EXPECT_NE(Staged(stage, rows, {.seed = 2, .round = 1}), first);
}

TEST(Bucketing, HasTheRuleBehindItJudgeTheNumberOfBuckets) {
  // ceil(9 / 2) = 5 > 2 * 2, but ceil(8 / 2) = 4 is not.
  const Pipeline pipeline = PipelineFrom({"{name: bucketing, size: 2}"},
                                         "{name: trimmed_mean, f: 2}");
  EXPECT_EQ(pipeline.Obstacle(9, 2), "");
  EXPECT_THAT(pipeline.Obstacle(8, 2), HasSubstr("found n = 4 with f = 2"));
}

}  // namespace
}  // namespace fedtorch::aggregate
