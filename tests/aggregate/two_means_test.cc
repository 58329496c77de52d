#include "fedtorch/aggregate/two_means.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::aggregate {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<double> Draw(std::uint64_t seed, std::size_t count) {
  core::Stream stream = core::Stream::Named(seed, "values");
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(std::round(8 * stream.Normal()) / 4);
  }
  return values;
}

double Squares(const std::vector<double>& values) {
  double mean = 0;
  for (const double x : values) mean += x / double(values.size());
  double sum = 0;
  for (const double x : values) sum += (x - mean) * (x - mean);
  return sum;
}

// The least sum over all ways to give each value one of `k` groups.
double Brute(const std::vector<double>& values, std::size_t k) {
  double least = std::numeric_limits<double>::infinity();
  std::size_t ways = 1;
  for (std::size_t i = 0; i < values.size(); ++i) ways *= k;
  for (std::size_t way = 0; way < ways; ++way) {
    std::vector<std::vector<double>> groups(k);
    std::size_t rest = way;
    for (const double x : values) {
      groups[rest % k].push_back(x);
      rest /= k;
    }
    double sum = 0;
    for (const auto& group : groups) sum += group.empty() ? 0 : Squares(group);
    least = std::min(least, sum);
  }
  return least;
}

TEST(TwoMeans, FindsTheBestCutOfALine) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const std::vector<double> values = Draw(seed, 2 + seed % 9);
    const LineSplit split = SplitLine(values);
    std::vector<double> low, high;
    for (std::size_t i = 0; i < values.size(); ++i) {
      (split.upper[i] != 0 ? high : low).push_back(values[i]);
    }
    const double sum =
        (low.empty() ? 0 : Squares(low)) + (high.empty() ? 0 : Squares(high));
    EXPECT_NEAR(sum, Brute(values, 2), 1e-9);
    if (high.empty()) continue;
    EXPECT_LT(*std::max_element(low.begin(), low.end()),
              *std::min_element(high.begin(), high.end()));
    double mean = 0;
    for (const double x : high) mean += x / double(high.size());
    EXPECT_NEAR(split.upper_centre, mean, 1e-12);
  }
}

TEST(TwoMeans, TakesTheLowestOfEqualCuts) {
  EXPECT_THAT(SplitLine(std::vector<double>{3, 1, 2}).upper,
              ElementsAre(1, 0, 1));
}

TEST(TwoMeans, KeepsEqualValuesTogether) {
  const LineSplit split = SplitLine(std::vector<double>{2, 2, 2});
  EXPECT_THAT(split.upper, Each(0));
  EXPECT_EQ(split.lower_centre, split.upper_centre);
  EXPECT_THAT(SplitLine(std::vector<double>{7}).upper, ElementsAre(0));
}

TEST(TwoMeans, SeesSmallGroupsBesideHugeValues) {
  const LineSplit split = SplitLine(std::vector<double>{1, 1e30, 2, -1});
  EXPECT_THAT(split.upper, ElementsAre(0, 1, 0, 0));
  EXPECT_NEAR(split.lower_centre, 2.0 / 3, 1e-12);
}

TEST(TwoMeans, FindsTheLeastSquaresOfAnyNumberOfGroups) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::vector<double> values = Draw(seed, 6);
    const std::vector<double> sums = LeastSquares(values, 4);
    for (std::size_t k = 1; k <= 4; ++k) {
      EXPECT_NEAR(sums[k - 1], Brute(values, k), 1e-9);
    }
  }
}

TEST(TwoMeans, CountsGroupsByTheGap) {
  int alone = 0;
  int more = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    core::Stream stream = core::Stream::Named(seed, "gap");
    std::vector<double> one, two;
    for (int i = 0; i < 30; ++i) {
      one.push_back(stream.Uniform());
      two.push_back(stream.Uniform() + (i < 10 ? 9.0 : 0.0));
    }
    alone += NumGroupsByGap(one, 10, 20, stream) == 1 ? 1 : 0;
    more += NumGroupsByGap(two, 10, 20, stream) >= 2 ? 1 : 0;
  }
  // One deviation is granted, so about one in six is found too many.
  EXPECT_GE(alone, 150);
  EXPECT_EQ(more, 200);
  core::Stream stream = core::Stream::Named(1, "gap");
  EXPECT_EQ(NumGroupsByGap(std::vector<double>(9, 2.5), 10, 20, stream), 1);
  EXPECT_EQ(NumGroupsByGap(std::vector<double>{1, 9}, 10, 20, stream), 1);
  // Two places only: two groups leave nothing.
  EXPECT_EQ(
      NumGroupsByGap(std::vector<double>{1, 1, 1, 1, 9, 9, 9}, 10, 20, stream),
      2);
}

Matrix DistancesOf(const std::vector<std::vector<double>>& rows) {
  const auto n = static_cast<std::int64_t>(rows.size());
  Matrix distances(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < rows[0].size(); ++k) {
        distances(i, j) += std::pow(rows[static_cast<std::size_t>(i)][k] -
                                        rows[static_cast<std::size_t>(j)][k],
                                    2);
      }
    }
  }
  return distances;
}

TEST(TwoMeans, SplitsVectorsThatLieApart) {
  EXPECT_THAT(
      TwoMeans(DistancesOf({{5, 5}, {0, 0}, {5, 6}, {0, 1}, {1, 0}, {6, 5}})),
      ElementsAre(0, 1, 0, 1, 1, 0));
  EXPECT_THAT(TwoMeans(DistancesOf({{1, 2}, {1, 2}, {1, 2}})), Each(0));
  EXPECT_THAT(TwoMeans(DistancesOf({{1, 2}})), ElementsAre(0));
}

TEST(TwoMeans, EndsWhereEveryVectorIsNearestToItsOwnCentre) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    core::Stream stream = core::Stream::Named(seed, "vectors");
    std::vector<std::vector<double>> rows(15, std::vector<double>(3));
    for (auto& row : rows) {
      for (double& value : row) value = stream.Normal();
    }
    const std::vector<char> group = TwoMeans(DistancesOf(rows));
    EXPECT_EQ(group[0], 0);
    double centre[2][3] = {};
    double size[2] = {};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto own = static_cast<std::size_t>(group[i]);
      size[own] += 1;
      for (std::size_t k = 0; k < 3; ++k) centre[own][k] += rows[i][k];
    }
    ASSERT_GT(size[1], 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double apart[2] = {};
      for (std::size_t g = 0; g < 2; ++g) {
        for (std::size_t k = 0; k < 3; ++k) {
          apart[g] += std::pow(rows[i][k] - centre[g][k] / size[g], 2);
        }
      }
      const auto own = static_cast<std::size_t>(group[i]);
      EXPECT_LE(apart[own], apart[1 - own] + 1e-12);
    }
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
