#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

// In d dimensions, with power iteration to the end.
std::vector<double> Slow(const Rows& rows, std::int64_t f) {
  const auto n = static_cast<std::int64_t>(rows.size());
  std::vector<double> weights(rows.size(), 1.0);
  std::vector<double> answer = DirectWeighted(rows, weights);
  double least = std::numeric_limits<double>::infinity();
  while (std::accumulate(weights.begin(), weights.end(), 0.0) >
         static_cast<double>(n - 2 * f)) {
    const std::vector<double> mean = DirectWeighted(rows, weights);
    const DirectTop top = DirectTopOf(rows, weights);
    if (top.value < least) {
      least = top.value;
      answer = mean;
    }
    std::vector<double> squares;
    for (const auto& row : rows) {
      double along = 0.0;
      for (std::size_t k = 0; k < row.size(); ++k) {
        along += (row[k] - mean[k]) * top.direction[k];
      }
      squares.push_back(along * along);
    }
    // A row without weight is gone, however far it lies.
    double most = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (weights[i] > 0.0) most = std::max(most, squares[i]);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      weights[i] = std::max(0.0, weights[i] * (1.0 - squares[i] / most));
    }
  }
  return answer;
}

TEST(Caf, KeepsTheMeanOfThree) {
  EXPECT_THAT(ResultOf("{name: caf, f: 1}", InputA()).vector,
              Pointwise(DoubleNear(1e-9), std::vector<double>{4, 5, 6}));
}

TEST(Caf, EqualsItsSlowVersion) {
  ExpectSlow(
      "{name: caf, f: F}", [](std::int64_t f) { return 2 * f + 2; }, Slow);
}

TEST(Caf, LeavesTheRowFarAwayOut) {
  const std::vector<double> answer =
      ResultOf("{name: caf, f: 1}", InputC()).vector;
  EXPECT_THAT(answer, Pointwise(DoubleNear(1e-7), Slow(InputC(), 1)));
  EXPECT_NEAR(answer[0], 1.0, 0.2);
}

TEST(Caf, GivesTheSameAnswerTwentyTimes) {
  const Rows rows = DrawRows(8, 12, 60, 3);
  std::set<std::vector<double>> answers;
  for (int call = 0; call < 20; ++call) {
    answers.insert(ResultOf("{name: caf, f: 3}", rows).vector);
  }
  EXPECT_EQ(answers.size(), 1u);
}

TEST(Caf, StopsAfterNPasses) {
  Rows rows = DrawRows(9, 10, 50, 0);
  for (std::size_t bad = 0; bad < 3; ++bad) rows[bad].assign(50, 1e20);
  const Result far = ResultOf("{name: caf, f: 3}", rows);
  EXPECT_LE(far.diagnostics.at("aggregate/passes"), 10.0);
  EXPECT_THAT(far.kept, ElementsAre(3, 4, 5, 6, 7, 8, 9));
}

TEST(Caf, IsTheMeanWithoutAdversaries) {
  const Rows rows = DrawRows(10, 8, 20, 1);
  Subset all(rows.size());
  std::iota(all.begin(), all.end(), 0);
  const Result result = ResultOf("{name: caf, f: 0}", rows);
  EXPECT_THAT(result.vector,
              Pointwise(DoubleNear(1e-12), DirectMean(rows, all)));
  EXPECT_EQ(result.diagnostics.at("aggregate/passes"), 1.0);
}

TEST(Caf, FindsTheSameInLargeCohorts) {
  // Beyond 128 rows the eigenvector comes from a Krylov space.
  Rows rows = DrawRows(11, 150, 40, 20);
  EXPECT_THAT(ResultOf("{name: caf, f: 20}", rows).vector,
              Pointwise(DoubleNear(1e-8), Slow(rows, 20)));
}

TEST(Caf, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: caf, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: caf, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(Caf, TakesAnyRows) {
  ExpectTame("{name: caf, f: 3}", 10, 3);
  ExpectTame("{name: caf, f: 3}", 7, 3);
  ExpectTame("{name: caf, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
