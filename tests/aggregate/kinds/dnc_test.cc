#include "fedtorch/core/stream.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

// One repetition on the coordinates `picks`, in d dimensions.
Subset SlowKept(const Rows& rows,
                const std::vector<std::int64_t>& picks,
                std::int64_t kept) {
  Rows part;
  for (const auto& row : rows) {
    part.emplace_back();
    for (const std::int64_t pick : picks) {
      part.back().push_back(row[static_cast<std::size_t>(pick)]);
    }
  }
  const std::vector<double> weights(rows.size(), 1.0);
  const std::vector<double> mean = DirectWeighted(part, weights);
  const DirectTop top = DirectTopOf(part, weights);
  std::vector<double> scores;
  for (const auto& row : part) {
    double along = 0.0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      along += (row[k] - mean[k]) * top.direction[k];
    }
    scores.push_back(along * along);
  }
  return DirectSmallest(scores, kept);
}

TEST(Dnc, DropsTheRowThatStandsOutOnAnyTwoCoordinates) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Result result =
        ResultOf("{name: dnc, f: 1, coordinates: 2, iterations: 1}",
                 InputB(),
                 {.seed = seed});
    EXPECT_THAT(result.kept, ElementsAre(0, 2, 3));
    EXPECT_THAT(
        result.vector,
        Pointwise(DoubleNear(1e-9), std::vector<double>{2.0, 5.0 / 3.0, 3.0}));
  }
}

TEST(Dnc, EqualsItsSlowVersion) {
  // All coordinates, so that nothing is drawn.
  ExpectSlow(
      "{name: dnc, f: F, coordinates: 1}",
      [](std::int64_t f) { return 2 * f + 2; },
      [](const Rows& rows, std::int64_t f) {
        std::vector<std::int64_t> all;
        for (std::size_t k = 0; k < rows.front().size(); ++k) {
          all.push_back(static_cast<std::int64_t>(k));
        }
        return DirectMean(
            rows,
            SlowKept(rows, all, static_cast<std::int64_t>(rows.size()) - f));
      });
}

TEST(Dnc, KeepsWhoSurvivesEveryRepetition) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Rows rows = DrawRows(seed, 14, 60, 3);
    const Result result =
        ResultOf("{name: dnc, f: 3, coordinates: 0.25, iterations: 4}",
                 rows,
                 {.seed = seed, .round = 7});
    // The same draws, in the open.
    core::Stream stream = core::Stream::Named(seed, "dnc", {7});
    std::vector<std::int64_t> times(14);
    for (int k = 0; k < 4; ++k) {
      const auto picks = stream.SampleWithoutReplacement(60, 15);
      for (const std::int64_t row : SlowKept(rows, picks, 11)) {
        ++times[static_cast<std::size_t>(row)];
      }
    }
    const std::int64_t most = *std::max_element(times.begin(), times.end());
    Subset expected;
    for (std::int64_t i = 0; i < 14; ++i) {
      if (times[static_cast<std::size_t>(i)] == most) expected.push_back(i);
    }
    EXPECT_EQ(result.kept, expected) << seed;
  }
}

TEST(Dnc, KeepsWhoSurvivesMostOftenWhereNobodySurvivesAll) {
  // Every repetition keeps one row of three, seldom the same one.
  std::set<std::size_t> sizes;
  bool nobody = false;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Rows rows = DrawRows(seed, 3, 400, 0);
    const Result result = ResultOf(
        "{name: dnc, f: 1, coordinates: 3, "
        "iterations: 9, filter_factor: 2}",
        rows,
        {.seed = seed});
    ASSERT_FALSE(result.kept.empty());
    const double most =
        *std::max_element(result.scores.begin(), result.scores.end());
    nobody = nobody || most < 1.0;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool kept =
          std::find(result.kept.begin(),
                    result.kept.end(),
                    static_cast<std::int64_t>(i)) != result.kept.end();
      EXPECT_EQ(kept, result.scores[i] == most);
    }
    EXPECT_THAT(result.vector,
                Pointwise(DoubleNear(1e-12), DirectMean(rows, result.kept)));
  }
  EXPECT_TRUE(nobody);
}

TEST(Dnc, DrawsByShareOrNumberSeedAndRound) {
  const Rows rows = DrawRows(1, 12, 50, 0);
  const auto run = [&](const std::string& coordinates,
                       std::uint64_t seed,
                       std::int64_t round) {
    return ResultOf("{name: dnc, f: 3, iterations: 3, coordinates: " +
                        coordinates + "}",
                    rows,
                    {.seed = seed, .round = round})
        .kept;
  };
  EXPECT_EQ(run("0.2", 1, 1), run("10", 1, 1));
  EXPECT_EQ(run("1", 1, 1), run("1000", 2, 2));
  std::set<Subset> seeds;
  std::set<Subset> rounds;
  for (std::uint64_t k = 1; k < 10; ++k) {
    seeds.insert(run("10", k, 1));
    rounds.insert(run("10", 1, static_cast<std::int64_t>(k)));
  }
  EXPECT_GT(seeds.size(), 1u);
  EXPECT_GT(rounds.size(), 1u);
}

TEST(Dnc, DropsFactorTimesF) {
  const Rows rows = DrawRows(2, 40, 20, 0);
  EXPECT_EQ(
      ResultOf("{name: dnc, f: 10, filter_factor: 0.3}", rows).kept.size(),
      37u);
  EXPECT_EQ(
      ResultOf("{name: dnc, f: 10, filter_factor: 1.55}", rows).kept.size(),
      25u);
}

TEST(Dnc, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: dnc, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: dnc, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates"));
  EXPECT_THAT(
      PipelineFrom({}, "{name: dnc, f: 2, filter_factor: 3}").Obstacle(6, 0),
      HasSubstr("found n = 6 with f = 2"));
}

TEST(Dnc, TakesAnyRows) {
  // Of rows huge in different ways it sees the hugest only.
  ExpectTame("{name: dnc, f: 3, coordinates: 10}", 9, 3, false);
  ExpectTame("{name: dnc, f: 1}", 7, 1);
  ExpectTame("{name: dnc, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
