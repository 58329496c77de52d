#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/metric/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fedtorch::metric {
namespace {

std::vector<double> Ones(std::size_t size) {
  return std::vector<double>(size, 1.0);
}

std::vector<double> AsList(const Spread& spread) {
  return {spread.mean,
          spread.weighted_mean,
          spread.std,
          spread.min,
          spread.p10,
          spread.median,
          spread.p90,
          spread.max,
          spread.worst10_mean};
}

TEST(Spread, OfFiveValuesByHand) {
  // Sorted 15 20 35 40 50; positions 0.4, 2 and 3.6 of 0..4.
  const std::vector<double> values = {35, 50, 15, 40, 20};
  const std::vector<double> weights = {1, 0, 3, 0, 1};
  const Spread spread = Summarise(values, weights);
  EXPECT_EQ(spread.clients, 5);
  EXPECT_DOUBLE_EQ(spread.mean, 32.0);
  EXPECT_DOUBLE_EQ(spread.weighted_mean, 20.0);  // (35 + 45 + 20) / 5
  // Squares of -17 -12 3 8 18 are 289 144 9 64 324, together 830.
  EXPECT_DOUBLE_EQ(spread.std, std::sqrt(166.0));
  EXPECT_EQ(spread.min, 15.0);
  EXPECT_DOUBLE_EQ(spread.p10, 17.0);
  EXPECT_EQ(spread.median, 35.0);
  EXPECT_DOUBLE_EQ(spread.p90, 46.0);
  EXPECT_EQ(spread.max, 50.0);
}

TEST(Spread, InterpolatesQuantilesAsNumpyDoes) {
  // numpy.percentile([1, 2, 3, 4], [10, 50, 90]) is [1.3, 2.5, 3.7].
  const Spread spread = Summarise(std::vector<double>{1, 2, 3, 4}, Ones(4));
  EXPECT_DOUBLE_EQ(spread.p10, 1.3);
  EXPECT_DOUBLE_EQ(spread.median, 2.5);
  EXPECT_DOUBLE_EQ(spread.p90, 3.7);
}

TEST(Spread, TakesTheMinimumAsTheWorstOfFewerThanTwenty) {
  for (std::size_t size = 1; size < 20; ++size) {
    std::vector<double> values;
    for (std::size_t i = 0; i < size; ++i) {
      values.push_back(static_cast<double>((i * 7) % size) - 3.0);
    }
    EXPECT_EQ(Summarise(values, Ones(size)).worst10_mean, -3.0);
  }
}

TEST(Spread, AveragesTheWorstTenth) {
  // 0, ..., 34: a tenth are floor(3.5) = 3 clients.
  std::vector<double> values;
  for (int i = 34; i >= 0; --i) values.push_back(i);
  EXPECT_EQ(Summarise(values, Ones(35)).worst10_mean, 1.0);
  EXPECT_EQ(Summarise(values, Ones(35), Worst::kHighest).worst10_mean, 33.0);
}

TEST(Spread, OfEqualValuesIsExactlyZero) {
  // 0.1 + 0.1 + 0.1 is not 0.3: a plain mean would leave a deviation.
  for (const double value : {0.1, 1.0 / 3.0, 0.7, 1e-300, -0.3}) {
    for (const std::size_t size : {1u, 3u, 10u, 77u}) {
      const std::vector<double> values(size, value);
      std::vector<double> weights;
      for (std::size_t i = 0; i < size; ++i) {
        weights.push_back(0.3 + static_cast<double>(i));
      }
      const Spread spread = Summarise(values, weights);
      EXPECT_EQ(spread.std, 0.0);
      EXPECT_EQ(spread.mean, value);
      EXPECT_EQ(spread.weighted_mean, value);
      EXPECT_EQ(spread.p10, value);
      EXPECT_EQ(spread.worst10_mean, value);
    }
  }
}

TEST(Spread, EqualsTheFormulasWrittenOut) {
  core::Stream stream = core::Stream::Named(1, "spread");
  for (int repetition = 0; repetition < 50; ++repetition) {
    const std::size_t size = 1 + stream.Below(60);
    std::vector<double> values;
    std::vector<double> weights;
    long double sum = 0.0L;
    long double weighted = 0.0L;
    long double total = 0.0L;
    for (std::size_t i = 0; i < size; ++i) {
      values.push_back(stream.Uniform());
      weights.push_back(static_cast<double>(1 + stream.Below(100)));
      sum += values[i];
      weighted += static_cast<long double>(weights[i]) * values[i];
      total += weights[i];
    }
    const long double mean = sum / static_cast<long double>(size);
    long double squares = 0.0L;
    for (const double value : values) {
      squares += (value - mean) * (value - mean);
    }
    const Spread spread = Summarise(values, weights);
    EXPECT_NEAR(spread.mean, static_cast<double>(mean), 1e-14);
    EXPECT_NEAR(
        spread.weighted_mean, static_cast<double>(weighted / total), 1e-14);
    EXPECT_NEAR(spread.std,
                static_cast<double>(
                    std::sqrt(squares / static_cast<long double>(size))),
                1e-14);
  }
}

TEST(Spread, IgnoresTheOrderOfTheClientsToTheBit) {
  core::Stream stream = core::Stream::Named(2, "order");
  std::vector<std::pair<double, double>> clients;
  for (int i = 0; i < 43; ++i) {
    // Rounded, so that some values are tied with different weights.
    clients.emplace_back(std::round(stream.Uniform() * 20.0) / 20.0,
                         stream.Uniform());
  }
  std::vector<std::vector<double>> results;
  for (int repetition = 0; repetition < 5; ++repetition) {
    stream.Shuffle(std::span(clients));
    std::vector<double> values;
    std::vector<double> weights;
    for (const auto& [value, weight] : clients) {
      values.push_back(value);
      weights.push_back(weight);
    }
    results.push_back(AsList(Summarise(values, weights)));
  }
  EXPECT_THAT(results, testing::Each(results.front()));
}

TEST(Spread, OfNobodyIsNotANumber) {
  const Spread spread = Summarise({}, {});
  EXPECT_EQ(spread.clients, 0);
  for (const double value : AsList(spread)) EXPECT_TRUE(std::isnan(value));
}

TEST(Spread, IsNotANumberWhereAValueIsNot) {
  const std::vector<double> values = {0.5, std::nan(""), 0.25};
  const Spread spread = Summarise(values, Ones(3));
  EXPECT_EQ(spread.clients, 3);
  for (const double value : AsList(spread)) EXPECT_TRUE(std::isnan(value));
}

TEST(Spread, KeepsInfiniteLosses) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {1.0, kInfinity, 2.0};
  const Spread spread = Summarise(values, Ones(3), Worst::kHighest);
  EXPECT_EQ(spread.mean, kInfinity);
  EXPECT_EQ(spread.min, 1.0);
  EXPECT_EQ(spread.median, 2.0);
  EXPECT_EQ(spread.max, kInfinity);
  EXPECT_EQ(spread.worst10_mean, kInfinity);
}

TEST(Spread, HasNoWeightedMeanWithoutWeights) {
  const std::vector<double> values = {1.0, 2.0};
  const std::vector<double> weights = {0.0, 0.0};
  const Spread spread = Summarise(values, weights);
  EXPECT_TRUE(std::isnan(spread.weighted_mean));
  EXPECT_EQ(spread.mean, 1.5);
}

TEST(Spread, NeedsOneWeightAValue) {
  EXPECT_THROW(Summarise(Ones(3), Ones(2)), core::Bug);
}

}  // namespace
}  // namespace fedtorch::metric
