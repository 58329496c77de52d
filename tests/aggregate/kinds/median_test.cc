#include "fedtorch/core/stream.h"
#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;

Updates Column(const std::vector<float>& values) {
  Updates updates;
  updates.dimension = 1;
  for (const float value : values) {
    updates.rows.push_back({value});
    updates.weights.push_back(1.0 / static_cast<double>(values.size()));
  }
  return updates;
}

double MedianOf(const std::vector<float>& values) {
  return VectorOf(*FromText("median"), Column(values)).front();
}

TEST(Median, TakesTheMiddleOfEachCoordinate) {
  Updates updates;
  updates.dimension = 3;
  updates.rows = {{1.0f, 9.0f, -1.0f}, {5.0f, 2.0f, 0.0f}, {3.0f, 4.0f, 7.0f}};
  updates.weights = {0.2, 0.3, 0.5};
  EXPECT_THAT(VectorOf(*FromText("median"), updates),
              ElementsAre(3.0, 4.0, 0.0));
}

TEST(Median, TakesTheMeanOfTheTwoInTheMiddle) {
  EXPECT_EQ(MedianOf({10.0f, 1.0f, 2.0f, 5.0f}), 3.5);
  EXPECT_EQ(MedianOf({4.0f, 1.0f}), 2.5);
  EXPECT_EQ(MedianOf({2.0f, 2.0f, 2.0f, 9.0f}), 2.0);
}

TEST(Median, TakesThatMeanInDoublePrecision) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  EXPECT_EQ(MedianOf({kLargest, kLargest}), static_cast<double>(kLargest));
  // Half-way between two neighbours of float32.
  EXPECT_EQ(MedianOf({1.0f, std::nextafter(1.0f, 2.0f)}), 1.0 + 0x1p-24);
}

TEST(Median, IgnoresWeights) {
  Updates updates = DrawUpdates(21, 7, 100);
  const std::vector<double> before = VectorOf(*FromText("median"), updates);
  updates.weights.assign(7, 0.0);
  updates.weights[3] = 1.0;
  EXPECT_EQ(VectorOf(*FromText("median"), updates), before);
}

TEST(Median, StaysAmongTheHonestMajority) {
  for (const std::int64_t rows : {3, 4, 11, 12}) {
    const std::int64_t outliers = (rows - 1) / 2;
    Updates updates = DrawUpdates(22, rows, 130);
    for (std::int64_t i = 0; i < outliers; ++i) {
      for (float& value : updates.rows[static_cast<std::size_t>(i)]) {
        value = i % 3 == 0 ? 1e30f : -1e30f;
      }
    }
    const std::vector<double> median = VectorOf(*FromText("median"), updates);
    for (std::size_t j = 0; j < 130; ++j) {
      double low = 1e9;
      double high = -1e9;
      for (auto i = static_cast<std::size_t>(outliers); i < updates.rows.size();
           ++i) {
        low = std::min(low, static_cast<double>(updates.rows[i][j]));
        high = std::max(high, static_cast<double>(updates.rows[i][j]));
      }
      EXPECT_GE(median[j], low);
      EXPECT_LE(median[j], high);
    }
  }
}

TEST(Median, OfZerosIsPositiveZeroWhateverTheirSigns) {
  EXPECT_FALSE(std::signbit(MedianOf({-0.0f, -0.0f, -0.0f})));
  EXPECT_FALSE(std::signbit(MedianOf({-0.0f, 0.0f, -0.0f, -0.0f})));
  EXPECT_FALSE(std::signbit(MedianOf({0.0f, -0.0f, 0.0f})));
}

TEST(Median, TakesCohortsThatFillTheCache) {
  // 6000 rows take the narrow blocks. The values 0, ..., 5999 in any order
  // have the median 2999.5, plus the column.
  std::vector<float> values(6000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
  }
  core::Stream::Named(23, "values").Shuffle(std::span(values));
  Updates updates;
  updates.dimension = 35;
  for (const float value : values) {
    std::vector<float>& row = updates.rows.emplace_back();
    for (int j = 0; j < 35; ++j) row.push_back(value + static_cast<float>(j));
  }
  const std::vector<double> median = VectorOf(*FromText("median"), updates);
  for (std::size_t j = 0; j < 35; ++j) {
    EXPECT_EQ(median[j], 2999.5 + static_cast<double>(j));
  }
}

TEST(Median, TakesTheLowerOfTwoWhereToldSo) {
  const Rows rows = {{1, -4}, {3, -2}, {10, 7}, {2, 5}};
  EXPECT_THAT(Joined("median", rows), ElementsAre(2.5, 1.5));
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(Joined("{name: median, even: lower}", rows, {}, as_float),
                ElementsAre(2.0, -2.0));
  }
  // An odd number has one in the middle.
  EXPECT_THAT(Joined("{name: median, even: lower}", InputA()),
              ElementsAre(4.0, 5.0, 6.0));
}

TEST(Median, SurvivesAnything) {
  ExpectSurvives("median", 10, 3, /*bounded=*/true);
  ExpectSurvives("{name: median, even: lower}", 10, 4, /*bounded=*/true);
}

TEST(Median, NeedsTheWholeTable) {
  for (const Kind* kind : Kinds()) {
    if (kind->name == "median") {
      EXPECT_EQ(kind->reduction, Reduction::kTable);
    }
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
