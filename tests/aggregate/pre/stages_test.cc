// Stages one behind the other, and rules behind them.

#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Not;
using testing::Pointwise;

TEST(Stages, ActInTheirOrder) {
  const std::string clipping = "{name: static_clipping, max_norm: 2}";
  const std::string mixing = "{name: nnm, f: 1}";
  const std::string rule = "{name: trimmed_mean, f: 1}";
  const std::vector<double> published = {0.95841302, 1.14416941, 1.3299258};
  EXPECT_THAT(
      Join(PipelineFrom({clipping, mixing}, rule), InputA(), {}, false).vector,
      Pointwise(DoubleNear(5e-9), published));
  EXPECT_THAT(
      Join(PipelineFrom({mixing, clipping}, rule), InputA(), {}, false).vector,
      Not(Pointwise(DoubleNear(1e-3), published)));
}

}  // namespace
}  // namespace fedtorch::aggregate
