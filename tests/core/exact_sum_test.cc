#include "fedtorch/core/exact_sum.h"

#include "fedtorch/core/stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace fedtorch::core {
namespace {

std::vector<std::vector<float>> RandomRows(int rows, int size) {
  Stream stream = Stream::Named(7, "exact_sum_test");
  std::vector<std::vector<float>> values(static_cast<std::size_t>(rows));
  for (auto& row : values) {
    for (int i = 0; i < size; ++i) {
      // Magnitudes from 1e-9 to 1e3, so that order matters for plain sums.
      row.push_back(static_cast<float>(
          stream.Normal() * std::pow(10.0, -9.0 + 12.0 * stream.Uniform())));
    }
  }
  return values;
}

TEST(ExactSum, GivesTheSameBitsInAnyOrderAndGrouping) {
  const auto rows = RandomRows(50, 40);
  ExactSum forward(40);
  for (const auto& row : rows) forward.Add(0.37, row);
  std::vector<double> expected(40);
  forward.Result(expected);

  Stream stream = Stream::Named(1, "shuffle");
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0);
    stream.Shuffle(std::span(order));
    ExactSum first(40);
    ExactSum second(40);
    for (const std::size_t i : order) {
      (stream.Uniform() < 0.5 ? first : second).Add(0.37, rows[i]);
    }
    first.Merge(second);
    std::vector<double> result(40);
    first.Result(result);
    EXPECT_EQ(result, expected);
  }
}

TEST(ExactSum, IsWithinTheStatedResolutionOfALongDoubleSum) {
  const auto rows = RandomRows(50, 40);
  ExactSum sum(40);
  for (const auto& row : rows) sum.Add(0.37, row);
  std::vector<double> result(40);
  sum.Result(result);
  for (std::size_t i = 0; i < 40; ++i) {
    long double expected = 0.0L;
    for (const auto& row : rows) expected += 0.37 * static_cast<double>(row[i]);
    EXPECT_NEAR(
        result[i],
        static_cast<double>(expected),
        50 * 0x1p-61 + std::fabs(static_cast<double>(expected)) * 3e-16);
  }
}

// ecosystem 13.3: in double arithmetic two orders of these addends differ.
TEST(ExactSum, SumsTheLiteralOfThreeAddends) {
  const std::vector<double> addends{0.5, -0.75, 0.1};
  EXPECT_NE((0.5 - 0.75) + 0.1, (0.1 - 0.75) + 0.5);
  ExactSum sum(1);
  for (const double addend : addends) sum.Add(1.0, std::span(&addend, 1));
  std::vector<double> result(1);
  sum.Result(result);
  EXPECT_EQ(result[0], -0.15);
}

TEST(ExactSum, HoldsLargeSumsAndClears) {
  ExactSum sum(1);
  const std::vector<float> big{4.0e9F};
  for (int i = 0; i < 1000; ++i) sum.Add(1.0, big);
  std::vector<double> result(1);
  sum.Result(result);
  EXPECT_EQ(result[0], 4.0e12);
  sum.Clear();
  sum.Result(result);
  EXPECT_EQ(result[0], 0.0);
}

TEST(ExactSum, AdmitsOnlyFiniteNumbersInRange) {
  using Limits = std::numeric_limits<float>;
  const auto admissible = [](float value) {
    const std::vector<float> row{1.0F, value};
    return ExactSum::Admissible(1.0, std::span(row));
  };
  EXPECT_TRUE(admissible(4.0e9F));
  EXPECT_FALSE(admissible(5.0e9F));
  EXPECT_FALSE(admissible(-5.0e9F));
  EXPECT_FALSE(admissible(Limits::quiet_NaN()));
  EXPECT_FALSE(admissible(Limits::infinity()));
  EXPECT_FALSE(admissible(-Limits::infinity()));
}

}  // namespace
}  // namespace fedtorch::core
