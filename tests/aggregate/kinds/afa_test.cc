#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

double Length(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

// The published loop on values, with equal numbers of samples.
std::vector<double> Slow(const Rows& rows,
                         const std::vector<double>& trust,
                         std::vector<bool>* good) {
  const std::size_t n = rows.size();
  good->assign(n, true);
  double xi = 2.0;
  while (true) {
    std::vector<double> mean(rows[0].size());
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) total += (*good)[i] ? trust[i] : 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!(*good)[i]) continue;
      for (std::size_t k = 0; k < mean.size(); ++k) {
        mean[k] += trust[i] / total * rows[i][k];
      }
    }
    std::vector<double> cosines;
    for (std::size_t i = 0; i < n; ++i) {
      if (!(*good)[i]) continue;
      double product = 0;
      for (std::size_t k = 0; k < mean.size(); ++k) {
        product += mean[k] * rows[i][k];
      }
      cosines.push_back(product / Length(mean) / Length(rows[i]));
    }
    double average = 0;
    for (const double s : cosines) average += s / double(cosines.size());
    double variance = 0;
    for (const double s : cosines) {
      variance += (s - average) * (s - average) / double(cosines.size());
    }
    std::vector<double> sorted = cosines;
    std::sort(sorted.begin(), sorted.end());
    const double median =
        (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
    bool removed = false;
    std::size_t at = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!(*good)[i]) continue;
      const double s = cosines[at++];
      const double far = xi * std::sqrt(variance);
      if (average < median ? s < median - far : s > median + far) {
        (*good)[i] = false;
        removed = true;
      }
    }
    if (!removed) return mean;
    xi += 0.5;
  }
}

// Six rows at one angle from their mean, and one that points back.
const Rows kOneBack = {
    {1, .1}, {1, -.1}, {1, .1}, {1, -.1}, {1, .1}, {1, -.1}, {-1, 0}};

TEST(Afa, DropsTheRowAtAnUnusualAngle) {
  const Result result = ResultOf("afa", kOneBack);
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(result.vector,
              ElementsAre(DoubleNear(1.0, 1e-12), DoubleNear(0.0, 1e-12)));
  EXPECT_EQ(result.diagnostics.at("aggregate/num_bad"), 1.0);
}

TEST(Afa, IsPulledByALongRow) {
  // The published rule has no bound on lengths: one long row turns the mean.
  EXPECT_THAT(ResultOf("afa", InputC()).kept, ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(Afa, EqualsTheLoopOnValues) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const auto n = static_cast<std::int64_t>(2 + seed % 11);
    Round round = DrawRounds(seed, 1, n, 7).front();
    round.rows.back() = {3, -9, 1, 4, -2, 0, 5};
    std::vector<bool> good;
    const std::vector<double> expected =
        Slow(round.rows, std::vector<double>(round.rows.size(), 0.5), &good);
    EXPECT_THAT(ResultOf("afa", round.rows).vector,
                Pointwise(DoubleNear(1e-9), expected));
  }
}

TEST(Afa, TrustsByRecordAndBlocksForGood) {
  // Client 8 is bad round after round. After k bad rounds it is blocked if
  // P(Beta(3, 3 + k) <= 1/2) = P(5 + k tosses show at least 3 heads) > 0.95:
  // 1 - (1 + 10 + 45) / 1024 = 0.945 for k = 5, and
  // 1 - (1 + 11 + 55) / 2048 = 0.967 for k = 6.
  Player player("afa", 0, 2);
  const Round round{kOneBack, {0, 1, 2, 3, 4, 5, 8}};
  for (int t = 1; t <= 6; ++t) {
    EXPECT_EQ(player.Play(round).diagnostics.at("aggregate/num_bad"), 1.0)
        << "round " << t;
  }
  // Blocked now: even a usual update of client 8 does not count.
  Round usual = round;
  usual.rows[6] = {1.0, 0.1};
  EXPECT_THAT(player.Play(usual).kept, ElementsAre(0, 1, 2, 3, 4, 5));
  // A new client with two good ones: trust 1/2 against (3 + 7)/(6 + 7).
  const Result mixed = player.Play({{{1.0, 0.0}, {1.0, 0.26}}, {0, 50}});
  const double old = 10.0 / 13.0;
  EXPECT_NEAR(mixed.vector[1], 0.26 * 0.5 / (old + 0.5), 1e-12);
  // Nobody but blocked ones: nothing moves.
  EXPECT_THAT(player.Play({{{1.0, 1.0}}, {8}}).vector, ElementsAre(0.0, 0.0));
}

TEST(Afa, BelievesReportedSamplesOnlyWhenAsked) {
  const Rows rows = {{1.0, 0.0}, {1.0, 0.2}, {1.0, 0.1}};
  UpdateTable table = TableOf(rows);
  table.weights = {0.5, 0.25, 0.25};
  EXPECT_NEAR(
      FromText("afa")->Aggregate(Inputs(table), {}).vector[1], 0.1, 1e-12);
  EXPECT_NEAR(FromText("{name: afa, weighted: true}")
                  ->Aggregate(Inputs(table), {})
                  .vector[1],
              0.075,
              1e-12);
}

TEST(Afa, ReturnsWhatAllAgreeOn) {
  EXPECT_THAT(ResultOf("afa", {{1, 2}, {1, 2}, {1, 2}}).vector,
              ElementsAre(DoubleNear(1, 1e-14), DoubleNear(2, 1e-14)));
  EXPECT_THAT(ResultOf("afa", {{3, -1}}).vector, ElementsAre(3.0, -1.0));
}

TEST(Afa, ResumesToTheBit) {
  ExpectResumes("{name: afa, xi: 0.7}", 0);
  ExpectBoundedState("afa", 0);
}

TEST(Afa, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 5, 8}) ExpectSurvives("afa", 0, n);
  ExpectSurvives("{name: afa, xi: 0.3}", 3, 8);
}

}  // namespace
}  // namespace fedtorch::aggregate
