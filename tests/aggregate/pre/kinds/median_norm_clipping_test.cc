#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

TEST(MedianNormClipping, ShortensTheLongerHalf) {
  // Lengths 1, 2, 10, 3: the median is 2.5.
  const Rows rows =
      Staged("median_norm_clipping", {{1, 0}, {0, -2}, {6, 8}, {3, 0}});
  EXPECT_THAT(rows[0], ElementsAre(1.0, 0.0));
  EXPECT_THAT(rows[1], ElementsAre(0.0, -2.0));
  EXPECT_THAT(rows[2], Pointwise(DoubleNear(1e-12), {1.5, 2.0}));
  EXPECT_THAT(rows[3], Pointwise(DoubleNear(1e-12), {2.5, 0.0}));
}

TEST(MedianNormClipping, OfAnOddNumberTakesTheOneInTheMiddle) {
  const Rows rows = Staged("median_norm_clipping", InputA());
  EXPECT_EQ(rows[0], InputA()[0]);
  EXPECT_EQ(rows[1], InputA()[1]);
  EXPECT_NEAR(Distance(rows[2], {0, 0, 0}), std::sqrt(77.0), 1e-12);
}

TEST(MedianNormClipping, TakesZeroForALength) {
  EXPECT_EQ(Staged("median_norm_clipping", {{0, 0}, {0, 0}, {3, 4}}),
            (Rows{{0, 0}, {0, 0}, {0, 0}}));
}

}  // namespace
}  // namespace fedtorch::aggregate
