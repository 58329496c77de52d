#include "fedtorch/core/stream.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

double Plain(double squared) { return std::sqrt(squared); }
double Squared(double squared) { return squared; }
double Quartic(double squared) { return squared * squared; }

std::vector<double> SlowKrum(const Rows& rows,
                             std::int64_t neighbours,
                             double (*distance)(double)) {
  Subset all(rows.size());
  std::iota(all.begin(), all.end(), 0);
  return DirectMean(
      rows,
      DirectSmallest(DirectKrumScores(rows, all, neighbours, distance), 1));
}

TEST(Krum, TakesTheFirstOfThree) {
  const Result result =
      ResultOf("{name: krum, f: 1, neighbors: n-f-1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(1.0, 2.0, 3.0));
  EXPECT_THAT(result.scores, ElementsAre(27.0, 27.0, 27.0));
  EXPECT_THAT(result.kept, ElementsAre(0));
}

TEST(Krum, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_THAT(PipelineFrom({}, "{name: krum, f: 1}").Obstacle(4, 0),
              HasSubstr("n >= 2f + 3 = 5 updates, found n = 4 with f = 1"));
}

TEST(Krum, WorksBehindNearestNeighbourMixing) {
  // Two of three rows are averaged each; the first two become the same.
  const Result result = PipelineFrom({"{name: nnm, f: 1}"},
                                     "{name: krum, f: 1, neighbors: n-f-1}")
                            .Aggregate(TableOf(InputA()), {});
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(Krum, EqualsItsSlowVersion) {
  using Named = std::pair<std::string, double (*)(double)>;
  for (const auto& [name, distance] :
       {Named{"squared", Squared}, {"plain", Plain}, {"quartic", Quartic}}) {
    const std::string keys = ", distance: " + name + "}";
    // On a line, different rows have the same sum of plain distances.
    const std::vector<std::int64_t> dimensions = {3, 40, 2500};
    ExpectSlow(
        "{name: krum, f: F" + keys,
        [](std::int64_t f) { return 2 * f + 3; },
        [distance = distance](const Rows& rows, std::int64_t f) {
          const auto n = static_cast<std::int64_t>(rows.size());
          return SlowKrum(rows, n - f - 2, distance);
        },
        dimensions);
    ExpectSlow(
        "{name: krum, f: F, neighbors: n-f-1" + keys,
        [](std::int64_t f) { return 2 * f + 1; },
        [distance = distance](const Rows& rows, std::int64_t f) {
          const auto n = static_cast<std::int64_t>(rows.size());
          return SlowKrum(rows, n - f - 1, distance);
        },
        dimensions);
  }
}

TEST(Krum, CountsOneNeighbourMoreOrNot) {
  // Scores of two nearest: 9, 9, 5, 2, 5; of three: 25, 25, 14, 18, 30.
  const Rows rows = {{0}, {0}, {3}, {4}, {5}};
  EXPECT_THAT(ResultOf("{name: krum, f: 1}", rows).kept, ElementsAre(3));
  EXPECT_THAT(ResultOf("{name: krum, f: 1, neighbors: n-f-1}", rows).kept,
              ElementsAre(2));
}

TEST(Krum, AddsUpDistancesSquaredPlainOrQuartic) {
  const Rows rows = {{0}, {0}, {1}, {5}, {7}, {9}, {10}};
  const Result squared = ResultOf("{name: krum, f: 1}", rows);
  const Result plain = ResultOf("{name: krum, f: 1, distance: plain}", rows);
  const Result quartic =
      ResultOf("{name: krum, f: 1, distance: quartic}", rows);
  EXPECT_THAT(squared.scores, ElementsAre(75, 75, 54, 61, 53, 85, 116));
  EXPECT_THAT(plain.scores, ElementsAre(13, 13, 12, 15, 13, 15, 18));
  EXPECT_THAT(quartic.scores,
              ElementsAre(3027, 3027, 1554, 1153, 1409, 4369, 7268));
  EXPECT_THAT(squared.kept, ElementsAre(4));
  EXPECT_THAT(plain.kept, ElementsAre(2));
  EXPECT_THAT(quartic.kept, ElementsAre(3));
}

TEST(Krum, ChoosesTheSameRowOfWeightsAsOfUpdates) {
  // float32 weights of up to 1000 times the length of the updates.
  const std::int64_t d = 20000;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Rows updates = DrawRows(seed, 15, d, 3);
    for (const double ratio : {1.0, 30.0, 1000.0}) {
      core::Stream stream = core::Stream::Named(seed, "base");
      std::vector<double> base;
      for (std::int64_t k = 0; k < d; ++k) {
        // Updates are about 3 in every coordinate. Multiples of 2^-8 below
        // 2^14 leave the sums as exact as float32 can have them.
        base.push_back(
            std::ldexp(std::round(3.0 * ratio * stream.Normal() * 256), -8));
      }
      Rows weights = updates;
      for (auto& row : weights) {
        for (std::size_t k = 0; k < row.size(); ++k) row[k] += base[k];
      }
      for (const std::string rule :
           {"{name: krum, f: 3}", "{name: krum, f: 3, neighbors: n-f-1}"}) {
        const Result expected = FloatResultOf(rule, updates);
        const Result found = FloatResultOf(rule, weights);
        EXPECT_EQ(found.kept, expected.kept) << rule << " ratio " << ratio;
        for (std::size_t i = 0; i < expected.scores.size(); ++i) {
          EXPECT_NEAR(found.scores[i] / expected.scores[i], 1.0, 1e-4);
        }
        EXPECT_EQ(ResultOf(rule, weights).kept, expected.kept);
      }
    }
  }
}

TEST(Krum, KeepsItsKappa) {
  double largest = 0.0;
  for (const auto& [n, f] :
       {std::pair<std::int64_t, std::int64_t>{5, 1}, {7, 2}, {9, 3}, {10, 4}}) {
    const std::string rule =
        "{name: krum, neighbors: n-f-1, f: " + std::to_string(f) + "}";
    const double share =
        static_cast<double>(f) / static_cast<double>(n - 2 * f);
    const double bound = 6.0 * (1.0 + share);
    const Pipeline alone = PipelineFrom({}, rule);
    const Pipeline mixed =
        PipelineFrom({"{name: nnm, f: " + std::to_string(f) + "}"}, rule);
    const double mixed_bound = 8.0 * static_cast<double>(f) /
                               static_cast<double>(n - f) * (1.0 + bound);
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const Rows rows = DrawAttacked(seed, n, f);
      const UpdateTable table = TableOf(rows);
      const double kappa = Kappa(rows, alone.Aggregate(table, {}).vector, f);
      EXPECT_LE(kappa, bound) << "n = " << n << " seed " << seed;
      EXPECT_LE(Kappa(rows, mixed.Aggregate(table, {}).vector, f), mixed_bound)
          << "n = " << n << " seed " << seed;
      largest = std::max(largest, kappa);
    }
  }
  // The inputs are hard enough for a weaker bound to fail.
  EXPECT_GT(largest, 2.0);
}

TEST(Krum, TakesAnyRows) {
  ExpectTame("{name: krum, f: 3}", 9, 3);
  ExpectTame("{name: krum, f: 3, neighbors: n-f-1}", 7, 3);
  ExpectTame("{name: krum, f: 3, distance: quartic}", 9, 3);
  ExpectTame("{name: krum, f: 0, neighbors: n-f-1}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
