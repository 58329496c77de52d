#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(OptIpm, FindsThePublishedVector) {
  const aggregate::Pipeline defence = DefenceFrom(
      "pre_aggregators: [{name: nnm, f: 1}, {name: static_clipping, max_norm: "
      "2}], "
      "aggregator: {name: trimmed_mean, f: 1}");
  Stage stage{.known = InputA(), .defence = &defence};
  const auto attack = FromText("opt_ipm");
  EXPECT_TRUE(attack->needs_defence());
  const Crafted crafted = stage.Play(*attack);
  EXPECT_THAT(crafted.vectors,
              ElementsAre(ElementsAre(DoubleNear(-2.74877907, 5e-9),
                                      DoubleNear(-3.43597384, 5e-9),
                                      DoubleNear(-4.1231686, 5e-8))));
  EXPECT_DOUBLE_EQ(crafted.diagnostics.at("attack/t"),
                   10.0 * std::pow(0.8, 12));
  EXPECT_EQ(stage.known, InputA());
}

TEST(OptIpm, GrowsWithoutEndAgainstAMean) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: mean");
  Stage stage{.known = InputB(), .defence = &defence};
  // Every trial is better: 10 (1 + 2 + ... + 2^3) after the start.
  EXPECT_EQ(stage.Play(*FromText("{name: opt_ipm, evaluations: 5}"))
                .diagnostics.at("attack/t"),
            150.0);
  EXPECT_EQ(stage.Play(*FromText("{name: opt_ipm, evaluations: 1, start: 3}"))
                .diagnostics.at("attack/t"),
            3.0);
}

TEST(OptIpm, FindsTheBestAgainstKrum) {
  // Whatever is picked, a finer search from the same trials cannot be beaten by
  // the start.
  const aggregate::Pipeline defence =
      DefenceFrom("aggregator: {name: krum, f: 1, neighbors: n-f-1}");
  Stage stage{.known = {{1.0, 1.0}, {1.2, 0.9}, {0.8, 1.1}, {-0.5, -0.5}},
              .defence = &defence};
  const double t = stage.Play(*FromText("opt_ipm")).diagnostics.at("attack/t");
  const std::vector<double> mean = {0.625, 0.625};
  const auto distance = [&](double at) {
    std::vector<std::vector<double>> rows = stage.known;
    rows.push_back({-at * mean[0], -at * mean[1]});
    aggregate::UpdateTable table;
    table.dimension = 2;
    std::vector<const double*> pointers;
    for (const auto& row : rows) pointers.push_back(row.data());
    table.rows = pointers;
    const auto out = defence.Aggregate(table, {}).vector;
    return std::hypot(out[0] - mean[0], out[1] - mean[1]);
  };
  EXPECT_GE(distance(t) + 1e-12, distance(0.0));
  EXPECT_GE(distance(t) + 1e-12, distance(10.0));
}

}  // namespace
}  // namespace fedtorch::attack
