#include "fedtorch/core/exact_sum.h"

#include "fedtorch/core/stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

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

// The definition, one coordinate at a time and with the rounding of libm.
class PlainSum {
 public:
  void Add(double weight, float value) {
    const double addend = weight * static_cast<double>(value);
    const double high = std::rint(addend * 0x1p20);
    high_ += static_cast<std::int64_t>(high);
    low_ += static_cast<std::int64_t>(
        std::rint((addend - high * 0x1p-20) * 0x1p60));
  }
  double Result() const {
    return static_cast<double>(high_) * 0x1p-20 +
           static_cast<double>(low_) * 0x1p-60;
  }

 private:
  std::int64_t high_ = 0;
  std::int64_t low_ = 0;
};

// Sizes around those of vectors and blocks, values that are halfway between
// two integers after scaling, tiny, and beyond 2^31, where the fast rounding
// does not reach.
TEST(ExactSum, FollowsItsDefinitionBitByBit) {
  const std::vector<float> special{0.0F,
                                   -0.0F,
                                   0x1p-21F,
                                   0x3p-21F,
                                   -0x1p-21F,
                                   0x1p-61F,
                                   0x3p-61F,
                                   1e-30F,
                                   3.0e9F,
                                   -4.0e9F,
                                   2147483648.0F,
                                   0.1F};
  for (const int size : {1, 7, 8, 17, 64, 2047, 2048, 2049, 5000}) {
    for (const std::size_t num_rows : {1u, 3u, 8u, 11u}) {
      auto rows = RandomRows(static_cast<int>(num_rows), size);
      for (std::size_t r = 0; r < num_rows; ++r) {
        // Rows 1, 4, ... hold the special ones.
        if (r % 3 != 1 && num_rows > 1) continue;
        for (std::size_t i = 0; i < rows[r].size(); i += 5) {
          rows[r][i] = special[(i / 5) % special.size()];
        }
      }
      std::vector<double> weights;
      std::vector<std::span<const float>> views;
      for (std::size_t r = 0; r < num_rows; ++r) {
        weights.push_back(r % 2 == 0 ? 1.0 : 0.3125 / static_cast<double>(r));
        views.emplace_back(rows[r]);
      }
      ExactSum together(static_cast<std::size_t>(size));
      together.AddRows(weights, views);
      ExactSum one_by_one(static_cast<std::size_t>(size));
      std::vector<PlainSum> plain(static_cast<std::size_t>(size));
      for (std::size_t r = 0; r < num_rows; ++r) {
        one_by_one.Add(weights[r], views[r]);
        for (std::size_t i = 0; i < plain.size(); ++i) {
          plain[i].Add(weights[r], rows[r][i]);
        }
      }
      std::vector<double> result(plain.size());
      std::vector<double> expected;
      for (const PlainSum& sum : plain) expected.push_back(sum.Result());
      together.Result(result);
      EXPECT_EQ(result, expected) << size << " x " << num_rows;
      one_by_one.Result(result);
      EXPECT_EQ(result, expected) << size << " x " << num_rows;
    }
  }
}

TEST(ExactSum, WritesTheTotalPartByPart) {
  const auto rows = RandomRows(9, 100);
  std::vector<ExactSum> parts(3, ExactSum(100));
  ExactSum whole(100);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    parts[r % 3].Add(0.37, rows[r]);
    whole.Add(0.37, rows[r]);
  }
  std::vector<ExactSum*> sums;
  for (ExactSum& part : parts) sums.push_back(&part);
  std::vector<double> expected(100);
  whole.Result(expected);
  std::vector<double> result(100);
  ExactSum::WriteTotal(sums, 0, 37, result);
  EXPECT_EQ(result[37], 0.0);
  ExactSum::WriteTotal(sums, 37, 100, result);
  EXPECT_EQ(result, expected);
  for (ExactSum& part : parts) part.Clear();
  ExactSum::WriteTotal(sums, 0, 100, result);
  EXPECT_EQ(result, std::vector<double>(100, 0.0));
}

// A cleared sum holds old integers until it is written to: whichever way that
// happens, they must not come back.
TEST(ExactSum, StartsAgainAfterClear) {
  const auto rows = RandomRows(2, 3000);
  const std::vector<double> doubles(rows[1].begin(), rows[1].end());
  ExactSum fresh(3000);
  fresh.Add(0.37, rows[1]);
  std::vector<double> expected(3000);
  fresh.Result(expected);
  for (int way = 0; way < 3; ++way) {
    ExactSum sum(3000);
    sum.Add(0.5, rows[0]);
    sum.Clear();
    std::vector<double> result(3000, 1.0);
    sum.Result(result);
    EXPECT_EQ(result, std::vector<double>(3000, 0.0));
    ExactSum other(3000);
    other.Add(0.5, rows[0]);
    other.Clear();
    sum.Merge(other);
    if (way == 0) sum.Add(0.37, rows[1]);
    if (way == 1) sum.Add(0.37, doubles);
    if (way == 2) sum.Merge(fresh);
    sum.Result(result);
    EXPECT_EQ(result, expected) << way;
  }
}

// Differences are taken in float, as a client would send them.
TEST(ExactSum, AddsRowsFromAnOrigin) {
  for (const int size : {1, 15, 16, 1023, 1024, 1025, 5000}) {
    const auto rows = RandomRows(12, size);
    const std::vector<float> origin(rows.back());
    std::vector<double> weights;
    std::vector<std::span<const float>> views;
    ExactSum expected(origin.size());
    std::vector<long double> squares;
    for (std::size_t r = 0; r + 1 < rows.size(); ++r) {
      weights.push_back(1.0 / static_cast<double>(r + 2));
      views.emplace_back(rows[r]);
      std::vector<float> delta(origin.size());
      long double sum = 0.0L;
      for (std::size_t i = 0; i < delta.size(); ++i) {
        delta[i] = rows[r][i] - origin[i];
        sum += static_cast<long double>(delta[i]) * delta[i];
      }
      squares.push_back(sum);
      expected.Add(weights.back(), delta);
    }
    ExactSum sum(origin.size());
    const auto added = sum.AddRows(weights, views, origin);
    ASSERT_EQ(added.size(), views.size());
    for (std::size_t r = 0; r < added.size(); ++r) {
      EXPECT_TRUE(added[r].admissible);
      EXPECT_NEAR(added[r].squared_norm,
                  static_cast<double>(squares[r]),
                  1e-14 * static_cast<double>(squares[r]));
    }
    std::vector<double> result(origin.size());
    std::vector<double> wanted(origin.size());
    sum.Result(result);
    expected.Result(wanted);
    EXPECT_EQ(result, wanted) << size;
  }
}

// What is wrong may show only after most of a row has been added, in any row of
// a group, with a bad origin or without one.
TEST(ExactSum, LeavesOutARowThatCannotBeAdded) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto rows = RandomRows(11, 5000);
  const std::vector<float> origin(RandomRows(1, 5000).front());
  for (const float bad : {kNan, kInfinity, -kInfinity, 0x1p33F, -kMost}) {
    for (const std::size_t place : {0u, 1023u, 1024u, 4999u}) {
      auto spoilt = rows;
      const std::set<std::size_t> out{0, 4, 9};
      for (const std::size_t r : out) spoilt[r][place] = bad;
      std::vector<double> weights;
      std::vector<std::span<const float>> views;
      std::vector<double> good_weights;
      std::vector<std::span<const float>> good;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        weights.push_back(0.3 + static_cast<double>(r));
        views.emplace_back(spoilt[r]);
        if (out.contains(r)) continue;
        good_weights.push_back(weights.back());
        good.emplace_back(rows[r]);
      }
      ExactSum sum(5000);
      const auto added = sum.AddRows(weights, views, origin);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        EXPECT_EQ(added[r].admissible, !out.contains(r)) << r;
      }
      ExactSum expected(5000);
      expected.AddRows(good_weights, good, origin);
      std::vector<double> result(5000);
      std::vector<double> wanted(5000);
      sum.Result(result);
      expected.Result(wanted);
      EXPECT_EQ(result, wanted) << bad << " at " << place;
    }
  }
  // The weight counts: 2^31 * 2^12 is beyond 2^42, 2^31 * 0.5 is not.
  const std::vector<float> large(10, 0x1p31F);
  const std::vector<double> weights{4096.0, 0.5};
  const std::vector<std::span<const float>> views{large, large};
  ExactSum sum(10);
  const auto added = sum.AddRows(weights, views);
  EXPECT_FALSE(added[0].admissible);
  EXPECT_TRUE(added[1].admissible);
  std::vector<double> result(10);
  sum.Result(result);
  EXPECT_EQ(result, std::vector<double>(10, 0x1p30));
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
