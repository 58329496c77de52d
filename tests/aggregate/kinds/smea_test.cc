#include "fedtorch/core/stream.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <set>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

double TopOf(const Rows& rows, const Subset& subset) {
  std::vector<double> weights(rows.size());
  for (const std::int64_t row : subset) {
    weights[static_cast<std::size_t>(row)] = 1.0;
  }
  return DirectTopOf(rows, weights).value;
}

// All subsets, with power iteration to the end.
Subset SlowSubset(const Rows& rows, std::int64_t f) {
  const auto n = static_cast<std::int64_t>(rows.size());
  Subset best;
  double least = std::numeric_limits<double>::infinity();
  for (const Subset& subset : Subsets(n, n - f)) {
    const double top = TopOf(rows, subset);
    if (top < least * (1.0 - 1e-9)) {
      least = top;
      best = subset;
    }
  }
  return best.empty() ? Subsets(n, n - f).front() : best;
}

TEST(Smea, TakesTheFirstOfTwoPairs) {
  const Result result = ResultOf("{name: smea, f: 1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(Smea, EqualsItsSlowVersion) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::int64_t f = 1 + static_cast<std::int64_t>(seed % 3);
    const std::int64_t n = 2 * f + 1 + static_cast<std::int64_t>(seed % 4);
    const Rows rows = DrawRows(
        seed, n, seed % 2 == 0 ? 3 : 20, static_cast<std::int64_t>(seed) % 3);
    const std::string rule = "{name: smea, f: " + std::to_string(f) + "}";
    const Subset expected = SlowSubset(rows, f);
    EXPECT_EQ(ResultOf(rule, rows).kept, expected) << rule << " n = " << n;
    EXPECT_EQ(FloatResultOf(rule, rows).kept, expected) << rule;
  }
}

TEST(Smea, GivesTheSameAnswerTwentyTimes) {
  const Rows rows = DrawRows(3, 12, 60, 3);
  std::set<std::vector<double>> answers;
  for (int call = 0; call < 20; ++call) {
    answers.insert(ResultOf("{name: smea, f: 3}", rows).vector);
  }
  EXPECT_EQ(answers.size(), 1u);
}

TEST(Smea, KeepsTheFirstRowsOfTwoGroupsOfEquals) {
  EXPECT_THAT(
      ResultOf("{name: smea, f: 2}", {{1, 0}, {1, 0}, {1, 0}, {5, 2}, {5, 2}})
          .kept,
      ElementsAre(0, 1, 2));
  EXPECT_THAT(ResultOf("{name: smea, f: 2}",
                       {{5, 2}, {5, 2}, {5, 2}, {5, 2}, {1, 0}, {1, 0}})
                  .kept,
              ElementsAre(0, 1, 2, 3));
}

TEST(Smea, FindsTheBestOfManySubsetsInTime) {
  // C(25, 5) = 53 130 subsets without rows that stand out.
  const Rows rows = DrawRows(4, 25, 100, 0);
  const auto start = std::chrono::steady_clock::now();
  const Result result = ResultOf("{name: smea, f: 5}", rows);
  const std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - start;
  EXPECT_LT(time.count(), 20.0);
  EXPECT_EQ(result.diagnostics.at("aggregate/exact"), 1.0);
  EXPECT_EQ(result.kept.size(), 20u);
  const double least = TopOf(rows, result.kept);
  for (std::size_t k = 0; k < 20; k += 3) {
    for (std::int64_t other = 0; other < 25; other += 2) {
      Subset changed = result.kept;
      if (std::find(changed.begin(), changed.end(), other) != changed.end()) {
        continue;
      }
      changed[k] = other;
      EXPECT_GE(TopOf(rows, changed), least * (1.0 - 1e-9));
    }
  }
}

TEST(Smea, TakesTheFarthestAwayWhereSubsetsAreMany) {
  Rows rows = DrawRows(5, 150, 30, 0);
  Subset honest;
  for (std::int64_t i = 0; i < 150; ++i) {
    if (i % 10 == 3) {
      for (double& value : rows[static_cast<std::size_t>(i)]) value += 8.0;
    } else {
      honest.push_back(i);
    }
  }
  const Result result = ResultOf("{name: smea, f: 15}", rows);
  EXPECT_EQ(result.diagnostics.at("aggregate/exact"), 0.0);
  EXPECT_EQ(result.kept, honest);
  const Rows few = DrawRows(6, 15, 20, 3);
  EXPECT_EQ(ResultOf("{name: smea, f: 3, exact_subsets: 455}", few)
                .diagnostics.at("aggregate/exact"),
            1.0);
  EXPECT_EQ(ResultOf("{name: smea, f: 3, exact_subsets: 454}", few)
                .diagnostics.at("aggregate/exact"),
            0.0);
}

TEST(Smea, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: smea, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: smea, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(Smea, TakesAnyRows) {
  ExpectTame("{name: smea, f: 3}", 7, 3);
  ExpectTame("{name: smea, f: 3, exact_subsets: 1}", 7, 3);
  ExpectTame("{name: smea, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
