#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pointwise;

// The definition on the values.
std::vector<double> Slow(const Rows& rows,
                         std::vector<double> v,
                         double tau,
                         int steps) {
  for (int step = 0; step < steps; ++step) {
    const std::vector<double> from = v;
    for (const auto& row : rows) {
      const double distance = Distance(row, from);
      const double factor = distance > tau ? tau / distance : 1.0;
      for (std::size_t k = 0; k < v.size(); ++k) {
        v[k] += factor * (row[k] - from[k]) / static_cast<double>(rows.size());
      }
    }
  }
  return v;
}

TEST(CenteredClipping, IsTheMeanWhereNothingIsClipped) {
  EXPECT_THAT(
      Joined("{name: centered_clipping, tau: 100, iterations: 1}", InputA()),
      Pointwise(DoubleNear(1e-12), {4.0, 5.0, 6.0}));
}

TEST(CenteredClipping, EqualsStepsOnValues) {
  for (const std::int64_t n : {1, 2, 7, 20}) {
    for (const std::int64_t d : {1, 30, 2500}) {
      const Rows rows = DrawRows(static_cast<std::uint64_t>(n * d), n, d);
      const std::vector<double> zero(static_cast<std::size_t>(d));
      for (const bool as_float : {false, true}) {
        const double tolerance = as_float ? 1e-5 : 1e-10;
        for (const double tau : {0.5, 6.0}) {
          const std::string keys = "tau: " + std::to_string(tau) + "}";
          EXPECT_THAT(
              Joined("{name: centered_clipping, iterations: 4, " + keys,
                     rows,
                     {},
                     as_float),
              Pointwise(DoubleNear(tolerance), Slow(rows, zero, tau, 4)));
          EXPECT_THAT(Joined("{name: centered_clipping, start: median, " + keys,
                             rows,
                             {},
                             as_float),
                      Pointwise(DoubleNear(tolerance),
                                Slow(rows, Joined("median", rows), tau, 3)));
        }
      }
    }
  }
}

TEST(CenteredClipping, MovesByTauAtMostAStep) {
  Rows rows = DrawRows(1, 10, 50);
  for (auto& row : rows) row.assign(50, 1e20);
  const std::vector<double> moved =
      Joined("{name: centered_clipping, tau: 2, iterations: 1}", rows);
  EXPECT_NEAR(Distance(moved, std::vector<double>(50)), 2.0, 1e-9);
}

// Three of ten rows at 1e20 pull by 3 tau / 10 a step, here 3 * 100 / 10.
TEST(CenteredClipping, LetsHugeRowsPullByTheirShareOfTau) {
  Rows rows = DrawRows(2, 10, 50);
  for (std::size_t i = 0; i < 3; ++i) rows[i].assign(50, 1e20);
  std::vector<double> honest(50);
  for (std::size_t i = 3; i < 10; ++i) {
    for (std::size_t k = 0; k < 50; ++k) honest[k] += rows[i][k] / 7;
  }
  for (const bool as_float : {false, true}) {
    const double error =
        Distance(Joined("{name: centered_clipping, tau: 100, iterations: 1}",
                        rows,
                        {},
                        as_float),
                 honest);
    EXPECT_NEAR(error, 30.0, 4.0);
  }
}

TEST(CenteredClipping, CarriesItsReferenceFromRoundToRound) {
  Pipeline rule = PipelineFrom({}, "{name: centered_clipping, tau: 3}");
  std::vector<double> v(20);
  for (std::uint64_t round = 1; round <= 4; ++round) {
    const Rows rows = DrawRows(round, 6, 20);
    v = Slow(rows, v, 3.0, 3);
    EXPECT_THAT(
        rule.AggregateAndRemember(TableOf(rows),
                                  {.round = static_cast<std::int64_t>(round)})
            .vector,
        Pointwise(DoubleNear(1e-10), v));
  }
  // Asking changes nothing.
  const Rows rows = DrawRows(9, 6, 20);
  const std::vector<double> asked = rule.Aggregate(TableOf(rows), {}).vector;
  EXPECT_EQ(rule.Aggregate(TableOf(rows), {}).vector, asked);
}

TEST(CenteredClipping, StartsAnewWhereToldSo) {
  for (const char* start : {"zero", "median"}) {
    Pipeline rule = PipelineFrom(
        {},
        "{name: centered_clipping, tau: 3, start: " + std::string(start) + "}");
    const Rows rows = DrawRows(3, 6, 20);
    const std::vector<double> first =
        rule.AggregateAndRemember(TableOf(rows), {}).vector;
    EXPECT_EQ(rule.AggregateAndRemember(TableOf(rows), {}).vector, first);
    EXPECT_THAT(rule.SaveState(), IsEmpty());
  }
  Pipeline carried = PipelineFrom({}, "{name: centered_clipping, tau: 3}");
  const Rows rows = DrawRows(3, 6, 20);
  const std::vector<double> first =
      carried.AggregateAndRemember(TableOf(rows), {}).vector;
  EXPECT_NE(carried.AggregateAndRemember(TableOf(rows), {}).vector, first);
}

TEST(CenteredClipping, ResumesAsIfNeverInterrupted) {
  const std::string text = "{name: centered_clipping, tau: 3}";
  Pipeline whole = PipelineFrom({}, text);
  Pipeline first = PipelineFrom({}, text);
  for (std::uint64_t round = 1; round <= 2; ++round) {
    const Rows rows = DrawRows(round, 6, 20);
    whole.AggregateAndRemember(TableOf(rows), {});
    first.AggregateAndRemember(TableOf(rows), {});
  }
  Pipeline second = PipelineFrom({}, text);
  second.LoadState(first.SaveState());
  for (std::uint64_t round = 3; round <= 4; ++round) {
    const Rows rows = DrawRows(round, 6, 20);
    EXPECT_EQ(second.AggregateAndRemember(TableOf(rows), {}).vector,
              whole.AggregateAndRemember(TableOf(rows), {}).vector);
  }
  // A state from before the first round is that of a new rule.
  second.LoadState(PipelineFrom({}, text).SaveState());
  const Rows rows = DrawRows(1, 6, 20);
  EXPECT_EQ(second.Aggregate(TableOf(rows), {}).vector, Joined(text, rows));
}

TEST(CenteredClipping, SaysHowManyAreClipped) {
  EXPECT_EQ(ResultOf("{name: centered_clipping, tau: 3, iterations: 1}",
                     {{1, 0}, {0, 2}, {-4, 0}, {0, 5}})
                .diagnostics.at("aggregate/clipped_share"),
            0.5);
}

TEST(CenteredClipping, SurvivesAnything) {
  ExpectSurvives("centered_clipping", 10, 3, /*bounded=*/false);
  ExpectSurvives("{name: centered_clipping, tau: 2}", 10, 3, /*bounded=*/true);
  ExpectSurvives("{name: centered_clipping, start: median}", 10, 3, true);
}

}  // namespace
}  // namespace fedtorch::aggregate
