#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

TEST(StaticClipping, ShortensRows) {
  const Rows rows = Staged("static_clipping", InputA());
  EXPECT_THAT(
      rows[0],
      Pointwise(DoubleNear(1e-12),
                {0.5345224838248488, 1.0690449676496976, 1.6035674514745464}));
  EXPECT_THAT(
      rows[1],
      Pointwise(DoubleNear(1e-12),
                {0.9116846116771036, 1.1396057645963795, 1.3675269175156552}));
  EXPECT_THAT(
      rows[2],
      Pointwise(DoubleNear(1e-12),
                {1.0051414220648334, 1.148733053788381, 1.2923246855119288}));
}

TEST(StaticClipping, LeavesShortAndZeroRowsAlone) {
  const Rows rows = {{0, 0}, {3, 4}, {-0.5, 1e-300}};
  EXPECT_EQ(Staged("{name: static_clipping, max_norm: 5}", rows), rows);
}

TEST(StaticClipping, ReadsLengthsThatAFarCentreWouldDrown) {
  // Two rows near (1e9, 0) and one of length 6: seen from the others, its
  // length is a difference of large numbers, and in float they leave nothing.
  const Rows rows = {{1e9, 0}, {1e9, 1}, {0, 6}};
  const Pipeline pipeline = PipelineFrom(
      {"{name: static_clipping, max_norm: 3}"}, "{name: median, even: lower}");
  for (const bool as_float : {false, true}) {
    const std::vector<double> median =
        Join(pipeline, rows, {}, as_float).vector;
    EXPECT_NEAR(median[0], 3.0, 1e-6);
    EXPECT_NEAR(median[1], 0.0, 1e-6);
    const std::vector<double> mean =
        Join(PipelineFrom({"{name: static_clipping, max_norm: 3}"}, "mean"),
             rows,
             {},
             as_float)
            .vector;
    EXPECT_NEAR(mean[1], 1.0, 1e-6);
  }
}

TEST(StaticClipping, WorksOnMixtures) {
  const Rows rows = DrawRows(1, 6, 30);
  const Pipeline twice = PipelineFrom({"{name: static_clipping, max_norm: 4}",
                                       "{name: static_clipping, max_norm: 2}"},
                                      "mean");
  const Pipeline once =
      PipelineFrom({"{name: static_clipping, max_norm: 2}"}, "mean");
  EXPECT_THAT(Join(twice, rows, {}, false).vector,
              Pointwise(DoubleNear(1e-12), Join(once, rows, {}, false).vector));
}

}  // namespace
}  // namespace fedtorch::aggregate
