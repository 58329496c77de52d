#include "fedtorch/core/stream.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

double Variance(const Rows& rows, const Subset& subset) {
  const std::vector<double> mean = DirectMean(rows, subset);
  double sum = 0.0;
  for (const std::int64_t row : subset) {
    sum += DirectSquared(rows[static_cast<std::size_t>(row)], mean);
  }
  return sum;
}

Subset SlowSubset(const Rows& rows, std::int64_t f) {
  const auto n = static_cast<std::int64_t>(rows.size());
  Subset best;
  double least = std::numeric_limits<double>::infinity();
  for (const Subset& subset : Subsets(n, n - f)) {
    const double variance = Variance(rows, subset);
    if (variance < least * (1.0 - 1e-11)) {
      least = variance;
      best = subset;
    }
  }
  return best.empty() ? Subsets(n, n - f).front() : best;
}

TEST(Mva, LeavesTheRowFarAwayOut) {
  const Result result = ResultOf("{name: mva, f: 1}", InputC());
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(result.vector,
              Pointwise(DoubleNear(1e-9), std::vector<double>{1, .05}));
}

TEST(Mva, EqualsItsSlowVersion) {
  ExpectSlow(
      "{name: mva, f: F}",
      [](std::int64_t f) { return 2 * f + 1; },
      [](const Rows& rows, std::int64_t f) {
        return DirectMean(rows, SlowSubset(rows, f));
      });
}

TEST(Mva, TakesTheLexicographicallyFirstSubset) {
  EXPECT_THAT(ResultOf("{name: mva, f: 1}", InputA()).kept, ElementsAre(0, 1));
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    core::Stream stream = core::Stream::Named(seed, "grid");
    const auto n = 4 + static_cast<std::int64_t>(stream.Below(6));
    const auto f = static_cast<std::int64_t>(
        stream.Below(static_cast<std::uint64_t>((n - 1) / 2 + 1)));
    Rows rows;
    for (std::int64_t i = 0; i < n; ++i) {
      rows.push_back({static_cast<double>(stream.Below(4)),
                      static_cast<double>(stream.Below(4))});
    }
    EXPECT_EQ(ResultOf("{name: mva, f: " + std::to_string(f) + "}", rows).kept,
              SlowSubset(rows, f))
        << "n = " << n << " f = " << f;
  }
}

TEST(Mva, TakesTheWorstAwayWhereSubsetsAreMany) {
  const Rows rows = DrawRows(1, 60, 200, 15);
  const Result result = ResultOf("{name: mva, f: 15}", rows);
  EXPECT_EQ(result.diagnostics.at("aggregate/exact"), 0.0);
  EXPECT_EQ(result.kept.size(), 45u);
  // C(15, 3) = 455 subsets, one more than the bound, or as many.
  const Rows few = DrawRows(2, 15, 200, 3);
  const Result exact = ResultOf("{name: mva, f: 3, exact_subsets: 455}", few);
  const Result greedy = ResultOf("{name: mva, f: 3, exact_subsets: 454}", few);
  EXPECT_EQ(exact.diagnostics.at("aggregate/exact"), 1.0);
  EXPECT_EQ(greedy.diagnostics.at("aggregate/exact"), 0.0);
  // Rows that stand out are found either way.
  EXPECT_EQ(exact.kept, greedy.kept);
}

TEST(Mva, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: mva, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: mva, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(Mva, TakesAnyRows) {
  ExpectTame("{name: mva, f: 3}", 7, 3);
  ExpectTame("{name: mva, f: 3, exact_subsets: 1}", 7, 3);
  ExpectTame("{name: mva, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
