#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

double Distance(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    sum += (x[k] - y[k]) * (x[k] - y[k]);
  }
  return std::sqrt(sum);
}

std::vector<double> Mean(const Rows& rows, const std::vector<std::size_t>& of) {
  std::vector<double> mean(rows[0].size());
  for (const std::size_t i : of) {
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] += rows[i][k] / double(of.size());
    }
  }
  return mean;
}

// Keeps the average of the round before, as the rule does.
struct Slow {
  std::vector<double> average;

  std::vector<double> Play(const Rows& rows, double sigmas) {
    const std::size_t n = rows.size();
    if (average.empty()) {
      const std::size_t count = std::max<std::size_t>(1, (n + 1) / 2 - 1);
      std::vector<double> score(n);
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<double> others;
        for (std::size_t j = 0; j < n; ++j) {
          if (j == i) continue;
          others.push_back(std::pow(Distance(rows[i], rows[j]), 2));
        }
        std::sort(others.begin(), others.end());
        for (std::size_t k = 0; k < std::min(count, others.size()); ++k) {
          score[i] += others[k];
        }
      }
      std::vector<std::size_t> order(n);
      std::iota(order.begin(), order.end(), 0u);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return score[a] < score[b];
      });
      order.resize(std::min(n, count));
      average = Mean(rows, order);
    }
    std::vector<double> distances;
    for (const auto& row : rows) distances.push_back(Distance(row, average));
    double mean = 0;
    for (const double x : distances) mean += x / double(n);
    double variance = 0;
    for (const double x : distances) {
      variance += (x - mean) * (x - mean) / double(n - 1);
    }
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < n; ++i) {
      if (distances[i] <= mean + sigmas * std::sqrt(variance)) {
        kept.push_back(i);
      }
    }
    average = Mean(rows, kept);
    return average;
  }
};

TEST(ThreeSigma, DropsTheFarRow) {
  const Result result = ResultOf("three_sigma", InputC());
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(result.vector,
              ElementsAre(DoubleNear(1.0, 1e-12), DoubleNear(0.05, 1e-12)));
}

TEST(ThreeSigma, EqualsTheSlowVersionOverRounds) {
  for (const std::int64_t n : {2, 3, 8, 13}) {
    for (const std::string sigmas : {"0.5", "1.5"}) {
      Slow slow;
      Player player("{name: three_sigma, sigmas: " + sigmas + "}", 0, 9);
      for (const Round& round : DrawRounds(3, 6, n, 9)) {
        if (round.rows.size() < 2) continue;
        const auto expected = slow.Play(round.rows, std::stod(sigmas));
        EXPECT_THAT(player.Play(round).vector,
                    Pointwise(DoubleNear(1e-9), expected));
      }
    }
  }
}

TEST(ThreeSigma, JudgesByTheLastDenseWeightOnly) {
  const std::vector<Block> blocks = {
      {.name = "0.dense.weight", .offset = 0, .size = 1, .shape = {1, 1}},
      {.name = "1.dense.weight", .offset = 1, .size = 2, .shape = {2, 1}},
      {.name = "1.dense.bias", .offset = 3, .size = 1, .shape = {1}}};
  // Row 1 is far in the first layer and in the bias, row 4 in the last weight.
  const Rows rows = {{0, 1, 1, 0},
                     {50, 1, 1.1, 40},
                     {0, 1.1, 1, 0},
                     {0, 1, 1, 0},
                     {0, 5, 5, 0}};
  EXPECT_THAT(ResultOf("three_sigma", rows, {.blocks = blocks}).kept,
              ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(
      ResultOf("{name: three_sigma, features: all}", rows, {.blocks = blocks})
          .kept,
      ElementsAre(0, 2, 3, 4));
}

TEST(ThreeSigma, KeepsEqualsAndTheOnlyRow) {
  EXPECT_THAT(
      ResultOf("three_sigma", {{0.1, 0.2}, {0.1, 0.2}, {0.1, 0.2}}).kept,
      ElementsAre(0, 1, 2));
  EXPECT_THAT(ResultOf("three_sigma", {{4, 5}}).vector, ElementsAre(4.0, 5.0));
}

TEST(ThreeSigma, IsBoundedUnderRowsThatAreFarAlike) {
  Rows rows = InputC();
  rows.pop_back();
  for (int i = 0; i < 4; ++i) rows.push_back({1e30, -1e30});
  EXPECT_THAT(ResultOf("three_sigma", rows).kept,
              ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(ThreeSigma, ResumesToTheBit) {
  ExpectResumes("three_sigma", 0);
  ExpectBoundedState("three_sigma", 0);
}

TEST(ThreeSigma, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 7}) {
    ExpectSurvives("three_sigma", 0, n);
    ExpectSurvives("{name: three_sigma, sigmas: 0}", n / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
