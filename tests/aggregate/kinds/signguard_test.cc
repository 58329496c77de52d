#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::Contains;
using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::Pointwise;

TEST(SignGuard, DropsUnusualNormsAndSignsAndClips) {
  // Norms sqrt 12 (four times), sqrt 0.03 (row 4), sqrt 1200 (row 5), sqrt 12
  // (rows 6 and 7, whose signs differ): the median is sqrt 12 = 3.46.
  const std::vector<std::vector<double>> rows = {{2, 2, 2},
                                                 {2, 2, 2},
                                                 {2, 2, 2},
                                                 {2, 2, 2},
                                                 {.1, .1, .1},
                                                 {20, 20, 20},
                                                 {-2, -2, -2},
                                                 {-2, -2, -2}};
  const Result result = ResultOf("{name: signguard, share: 1}", rows);
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(result.vector, Each(DoubleNear(2.0, 1e-12)));
  EXPECT_THAT(ResultOf("{name: signguard, share: 1, upper: 20}", rows).kept,
              ElementsAre(0, 1, 2, 3, 5));
  EXPECT_THAT(ResultOf("{name: signguard, share: 1, lower: 0}", rows).kept,
              ElementsAre(0, 1, 2, 3, 4));
  // What is admitted and longer than the median is clipped to it.
  EXPECT_THAT(ResultOf("{name: signguard, share: 1, upper: 20}", rows).vector,
              Each(DoubleNear(2.0, 1e-12)));
}

TEST(SignGuard, BoundsOfTheNormAreNotAdmittedThemselves) {
  // Median 1; 0.5 and 2 are exactly the bounds.
  const std::vector<std::vector<double>> rows = {{1}, {1}, {1}, {.5}, {2}};
  EXPECT_THAT(
      ResultOf("{name: signguard, share: 1, lower: 0.5, upper: 2}", rows).kept,
      ElementsAre(0, 1, 2));
}

TEST(SignGuard, JoinsTheReferenceInputs) {
  // C: norms 1, 1.1045, .9055, 1.0198, 1.2, .8062, 7.0711: row 6 is beyond 3.
  EXPECT_THAT(ResultOf("{name: signguard, share: 1}", InputC()).kept,
              Not(Contains(6)));
  // A: all signs alike, norms 3.742, 8.775, 13.928: clipped to the second.
  const double a = std::sqrt(77.0) / std::sqrt(194.0);
  EXPECT_THAT(ResultOf("{name: signguard, share: 1}", InputA()).vector,
              ElementsAre(DoubleNear((5 + 7 * a) / 3, 1e-9),
                          DoubleNear((7 + 8 * a) / 3, 1e-9),
                          DoubleNear((9 + 9 * a) / 3, 1e-9)));
  // B: row 1 has signs - + -.
  EXPECT_THAT(ResultOf("{name: signguard, share: 1}", InputB()).kept,
              ElementsAre(0, 2, 3));
}

// Shares of signs over all coordinates, and DBSCAN that is no more than being
// within a radius: all honest rows are dense, all others far.
std::vector<double> Slow(const std::vector<std::vector<double>>& rows,
                         double radius) {
  std::vector<double> norms;
  std::vector<std::vector<double>> shares;
  for (const auto& row : rows) {
    double square = 0.0;
    std::vector<double>& share = shares.emplace_back(3, 0.0);
    for (const double value : row) {
      square += value * value;
      share[value > 0   ? 0
            : value < 0 ? 2
                        : 1] += 1.0 / static_cast<double>(row.size());
    }
    norms.push_back(std::sqrt(square));
  }
  std::vector<double> sorted = norms;
  std::sort(sorted.begin(), sorted.end());
  const double median =
      0.5 * (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]);
  std::vector<double> sum(rows[0].size());
  double count = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double apart = 0.0;
    for (std::size_t k = 0; k < 3; ++k) {
      apart += std::pow(shares[i][k] - shares[0][k], 2);
    }
    if (std::sqrt(apart) > radius || norms[i] <= 0.1 * median ||
        norms[i] >= 3.0 * median) {
      continue;
    }
    count += 1.0;
    for (std::size_t k = 0; k < sum.size(); ++k) {
      sum[k] += rows[i][k] * std::min(1.0, median / norms[i]);
    }
  }
  for (double& value : sum) value /= count;
  return sum;
}

TEST(SignGuard, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const std::int64_t n = 7 + static_cast<std::int64_t>(seed);
    std::vector<std::vector<double>> drawn =
        RandomRows::Draw(seed, n, 4000, n / 4).values;
    // Rows around a direction with three of four coordinates positive.
    for (auto& row : drawn) {
      for (std::size_t k = 0; k < row.size(); ++k) {
        if (k % 4 != 0) row[k] = std::copysign(row[k], row[k - k % 4]);
        if (k % 17 == 0) row[k] = 0.0;
      }
    }
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      const bool honest = static_cast<std::int64_t>(i) < n - n / 4;
      for (std::size_t k = 0; k < drawn[i].size(); ++k) {
        if (k % 3 == 0) continue;
        drawn[i][k] = honest ? std::fabs(drawn[i][k]) : -std::fabs(drawn[i][k]);
      }
    }
    const RandomRows rows(drawn);
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      for (const std::string clustering :
           {"dbscan, radius: 0.2", "meanshift", "kmeans"}) {
        const Result result =
            PipelineFrom(
                {},
                "{name: signguard, share: 1, clustering: " + clustering + "}")
                .Aggregate(table, {});
        if (clustering.front() == 'd') {
          EXPECT_THAT(result.vector,
                      Pointwise(DoubleNear(1e-11), Slow(rows.values, 0.2)));
        }
        // The rows with other signs never enter.
        EXPECT_THAT(result.kept, Not(IsEmpty()));
        EXPECT_THAT(result.kept, Each(testing::Lt(n - n / 4))) << clustering;
      }
    }
  }
}

TEST(SignGuard, CountsSignsOfARandomRunOfCoordinates) {
  // Only one tenth of the coordinates tells the last rows from the others. The
  // window hits it, or enough of it, in some rounds and misses it in others.
  std::vector<std::vector<double>> rows(7, std::vector<double>(100, 1.0));
  for (const std::size_t row : {5U, 6U}) {
    for (std::size_t k = 40; k < 50; ++k) rows[row][k] = -1.0;
  }
  int caught = 0;
  for (std::int64_t round = 1; round <= 60; ++round) {
    const Context context{.seed = 3, .round = round};
    const Result result = ResultOf("signguard", rows, context);
    EXPECT_EQ(result.kept, ResultOf("signguard", rows, context).kept);
    caught += result.kept.size() == 5;
  }
  // The window begins at 0 to 90 and sees the tenth from 31 to 49.
  EXPECT_GT(caught, 3);
  EXPECT_LT(caught, 30);
}

TEST(SignGuard, VariantsDifferOnPinnedInputs) {
  // All signs alike; rows 4 and 5 point elsewhere within the orthant.
  const std::vector<std::vector<double>> turned = {
      {9, 1, 1}, {9, 1.1, 1}, {9, 1, 1.1}, {9, .9, 1}, {1, 9, 1}, {1, 9, 1.1}};
  const std::vector<double> previous = {9, 1, 1};
  const auto kept = [](const std::string& keys,
                       const std::vector<std::vector<double>>& rows,
                       const Context& context = {}) {
    return ResultOf(
               "{name: signguard, share: 1, clustering: dbscan, radius: "
               "0.2, " +
                   keys + "}",
               rows,
               context)
        .kept;
  };
  EXPECT_THAT(kept("variant: plain", turned), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(kept("variant: sim", turned, {.previous = previous}),
              ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("variant: sim", turned), ElementsAre(0, 1, 2, 3));
  // One direction; row 4 is longer, but less than three times the median.
  const std::vector<std::vector<double>> longer = {
      {4, 4}, {4, 4.1}, {4.1, 4}, {4, 3.9}, {11, 11}};
  EXPECT_THAT(kept("variant: sim", longer, {.previous = {}}),
              ElementsAre(0, 1, 2, 3, 4));
  const std::vector<double> before = {4.5, 4.5};
  EXPECT_THAT(kept("variant: dist", longer, {.previous = before}),
              ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("variant: dist", longer), ElementsAre(0, 1, 2, 3));
}

TEST(SignGuard, ClusteringsDifferOnAPinnedInput) {
  // Shares of positive signs 1, 1, 1, .9, .7, .6 of ten coordinates.
  std::vector<std::vector<double>> rows(6, std::vector<double>(10, 1.0));
  const std::size_t negative[] = {0, 0, 0, 1, 3, 4};
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t k = 0; k < negative[i]; ++k) rows[i][k] = -1.0;
  }
  const auto kept = [&](const std::string& clustering) {
    return ResultOf(
               "{name: signguard, share: 1, clustering: " + clustering + "}",
               rows)
        .kept;
  };
  // Shares that differ by 0.1 are 0.1 sqrt 2 apart.
  EXPECT_THAT(kept("dbscan"), ElementsAre(0, 1, 2));
  EXPECT_THAT(kept("dbscan, radius: 0.15"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept("dbscan, radius: 0.29"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(kept("dbscan, radius: 0.05, min_points: 4"), IsEmpty());
  EXPECT_THAT(kept("kmeans"), ElementsAre(0, 1, 2, 3));
}

TEST(SignGuard, ScalesSharesOnlyWhereAsked) {
  // Zeros are rare: 1 of 100 in rows 0 to 2, 2 of 100 in row 3. Scaled by their
  // largest they are 0.5 and 1.
  std::vector<std::vector<double>> rows(4, std::vector<double>(100, 1.0));
  for (std::size_t i = 0; i < 4; ++i) rows[i][0] = 0.0;
  rows[3][1] = 0.0;
  const std::string keys = "{name: signguard, share: 1, clustering: dbscan";
  EXPECT_THAT(ResultOf(keys + "}", rows).kept, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(ResultOf(keys + ", scale_shares: true}", rows).kept,
              ElementsAre(0, 1, 2));
}

TEST(SignGuard, KeepsTheModelWhenNobodyIsAdmitted) {
  const Result result =
      ResultOf("{name: signguard, share: 1, clustering: dbscan, min_points: 9}",
               InputA());
  EXPECT_THAT(result.vector, ElementsAre(0.0, 0.0, 0.0));
  EXPECT_THAT(result.kept, IsEmpty());
}

TEST(SignGuard, StandsHugeZeroTinyAndEqualRows) {
  std::vector<float> flat(9 * 30, 0.0F);
  const auto fill = [&](std::size_t row, float value) {
    std::fill_n(
        flat.begin() + static_cast<std::ptrdiff_t>(row * 30), 30, value);
  };
  for (std::size_t row = 0; row < 5; ++row) fill(row, 1.0F);
  fill(5, -1e30F);
  fill(6, 1e20F);
  fill(8, 1e-42F);
  const std::vector<double> previous(30, 1.0);
  for (const std::string variant : {"plain", "sim", "dist"}) {
    for (const std::string clustering : {"meanshift", "dbscan", "kmeans"}) {
      for (const Context& context :
           {Context{}, Context{.previous = previous}}) {
        const Pipeline pipeline =
            PipelineFrom({},
                         "{name: signguard, variant: " + variant +
                             ", clustering: " + clustering + "}");
        EXPECT_THAT(
            pipeline
                .Aggregate(UpdateTable::Of(std::span<const float>(flat), 30),
                           context)
                .vector,
            Each(DoubleNear(1.0, 1e-6)))
            << variant << " " << clustering;
        const std::vector<double> zeros(60, 0.0);
        EXPECT_THAT(
            pipeline
                .Aggregate(UpdateTable::Of(std::span<const double>(zeros), 30),
                           context)
                .vector,
            Each(0.0));
      }
    }
  }
  EXPECT_THAT(ResultOf("signguard", {{3, 4}}).vector, ElementsAre(3.0, 4.0));
}

}  // namespace
}  // namespace fedtorch::aggregate
