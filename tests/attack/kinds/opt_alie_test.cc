#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(OptAlie, FindsThePublishedVector) {
  const aggregate::Pipeline defence = DefenceFrom(
      "pre_aggregators: [{name: nnm, f: 1}, {name: static_clipping, max_norm: "
      "2}], "
      "aggregator: {name: trimmed_mean, f: 1}");
  Stage stage{.known = InputA(), .defence = &defence};
  const auto attack = FromText("opt_alie");
  EXPECT_TRUE(attack->needs_defence());
  EXPECT_THAT(stage.Play(*attack).vectors,
              ElementsAre(ElementsAre(DoubleNear(12.91985116, 5e-9),
                                      DoubleNear(13.91985116, 5e-9),
                                      DoubleNear(14.91985116, 5e-9))));
  EXPECT_EQ(stage.known, InputA());
}

TEST(OptAlie, GrowsWithoutEndAgainstAMean) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: mean");
  Stage stage{.known = InputA(), .defence = &defence};
  EXPECT_THAT(stage.Play(*FromText("{name: opt_alie, evaluations: 3}")).vectors,
              ElementsAre(ElementsAre(DoubleNear(4.0 + 30.0 * 3.0, 1e-9),
                                      DoubleNear(5.0 + 30.0 * 3.0, 1e-9),
                                      DoubleNear(6.0 + 30.0 * 3.0, 1e-9))));
  EXPECT_THAT(
      stage
          .Play(*FromText("{name: opt_alie, evaluations: 2, sign: minus, "
                          "step: 0.5}"))
          .vectors,
      ElementsAre(ElementsAre(DoubleNear(2.5, 1e-9),
                              DoubleNear(3.5, 1e-9),
                              DoubleNear(4.5, 1e-9))));
}

TEST(OptAlie, WorksOnValuesWhereARuleNeedsThem) {
  // The median of five values, two of them copies, is the third: from t = 0 on
  // it grows until the copies are beyond the largest honest value.
  const aggregate::Pipeline defence = DefenceFrom("aggregator: median");
  Stage stage{
      .known = {{0.0}, {1.0}, {5.0}}, .num_byzantine = 2, .defence = &defence};
  const Crafted crafted = stage.Play(*FromText("opt_alie"));
  EXPECT_GE(crafted.vectors.at(0)[0], 5.0);
}

}  // namespace
}  // namespace fedtorch::attack
