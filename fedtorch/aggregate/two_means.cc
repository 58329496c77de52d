#include "fedtorch/aggregate/two_means.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

constexpr int kMostSteps = 100;

// Mean and sum of squares about it, one value at a time.
struct Running {
  double count = 0.0;
  double mean = 0.0;
  double squares = 0.0;

  void Add(double value) {
    count += 1.0;
    const double part = value - mean;
    mean += part / count;
    squares += part * (value - mean);
  }
};

}  // namespace

LineSplit SplitLine(std::span<const double> values) {
  FEDTORCH_CHECK(!values.empty(), "a split of no values");
  const std::size_t n = values.size();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Running> above(n + 1);
  for (std::size_t i = n; i-- > 0;) {
    above[i] = above[i + 1];
    above[i].Add(sorted[i]);
  }
  LineSplit split;
  split.upper.assign(n, 0);
  split.lower_centre = split.upper_centre = above[0].mean;
  if (sorted.front() == sorted.back()) return split;
  double least = std::numeric_limits<double>::infinity();
  double cut = sorted.back();
  Running below;
  for (std::size_t i = 1; i < n; ++i) {
    below.Add(sorted[i - 1]);
    if (sorted[i] == sorted[i - 1]) continue;
    const double squares = below.squares + above[i].squares;
    if (squares < least) {
      least = squares;
      cut = sorted[i];
      split.lower_centre = below.mean;
      split.upper_centre = above[i].mean;
    }
  }
  for (std::size_t i = 0; i < n; ++i) split.upper[i] = values[i] >= cut ? 1 : 0;
  return split;
}

std::vector<double> LeastSquares(std::vector<double> values,
                                 std::int64_t most) {
  const std::size_t n = values.size();
  FEDTORCH_CHECK(most >= 1 && static_cast<std::size_t>(most) <= n,
                 "as many groups as values at most");
  std::sort(values.begin(), values.end());
  const double none = std::numeric_limits<double>::infinity();
  // least[k][j]: the first j values in k + 1 groups.
  std::vector<std::vector<double>> least(static_cast<std::size_t>(most),
                                         std::vector<double>(n + 1, none));
  for (std::size_t j = 1; j <= n; ++j) {
    Running last;  // the last group of the first j values, from i on
    for (std::size_t i = j; i-- > 0;) {
      last.Add(values[i]);
      if (i == 0) {
        least[0][j] = last.squares;
        continue;
      }
      for (std::size_t k = 1; k < least.size(); ++k) {
        least[k][j] = std::min(least[k][j], least[k - 1][i] + last.squares);
      }
    }
  }
  std::vector<double> sums;
  for (const auto& of_k : least) sums.push_back(of_k[n]);
  return sums;
}

std::int64_t NumGroupsByGap(std::span<const double> values,
                            std::int64_t most,
                            std::int64_t references,
                            core::Stream& stream) {
  const auto n = static_cast<std::int64_t>(values.size());
  most = std::min(most, n - 1);
  if (most < 2) return 1;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double width = *high - *low;
  if (!(width > 0.0)) return 1;
  std::vector<double> scaled;
  for (const double value : values) scaled.push_back((value - *low) / width);
  const std::vector<double> found = LeastSquares(scaled, most);

  const auto count = static_cast<std::size_t>(most);
  std::vector<std::vector<double>> logs(count);
  for (std::int64_t b = 0; b < references; ++b) {
    for (double& value : scaled) value = stream.Uniform();
    const std::vector<double> sums = LeastSquares(scaled, most);
    for (std::size_t k = 0; k < count; ++k) {
      logs[k].push_back(
          std::log(std::max(sums[k], std::numeric_limits<double>::min())));
    }
  }
  std::vector<double> gaps;
  std::vector<double> widths;
  const auto total = static_cast<double>(references);
  for (std::size_t k = 0; k < count; ++k) {
    const double mean =
        std::accumulate(logs[k].begin(), logs[k].end(), 0.0) / total;
    double squares = 0.0;
    for (const double value : logs[k]) {
      squares += (value - mean) * (value - mean);
    }
    widths.push_back(std::sqrt(squares / total) * std::sqrt(1.0 + 1.0 / total));
    // Groups of equal values: no gap is larger.
    gaps.push_back(found[k] > 0.0 ? mean - std::log(found[k])
                                  : std::numeric_limits<double>::infinity());
  }
  for (std::size_t k = 0; k + 1 < count; ++k) {
    if (std::isinf(gaps[k]) || gaps[k] >= gaps[k + 1] - widths[k + 1]) {
      return static_cast<std::int64_t>(k) + 1;
    }
  }
  return most;
}

std::vector<char> TwoMeans(const Matrix& squared_distances) {
  const std::int64_t n = squared_distances.rows();
  std::vector<char> group(static_cast<std::size_t>(n));
  std::int64_t first = 0;
  std::int64_t second = 0;
  double farthest = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + 1; j < n; ++j) {
      if (squared_distances(i, j) > farthest) {
        farthest = squared_distances(i, j);
        first = i;
        second = j;
      }
    }
  }
  if (farthest == 0.0) return group;
  for (std::int64_t i = 0; i < n; ++i) {
    group[static_cast<std::size_t>(i)] =
        squared_distances(i, second) < squared_distances(i, first) ? 1 : 0;
  }
  for (int step = 0; step < kMostSteps; ++step) {
    // |x - centre|^2 is the mean squared distance to the group less half the
    // mean squared distance within it; scaled, so that sums stay finite.
    std::array<double, 2> size{};
    for (const char own : group) size[static_cast<std::size_t>(own)] += 1.0;
    Matrix sums(n, 2);
    std::array<double, 2> within{};
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        sums(i, group[static_cast<std::size_t>(j)]) +=
            squared_distances(i, j) / farthest;
      }
      const auto own =
          static_cast<std::size_t>(group[static_cast<std::size_t>(i)]);
      within[own] += sums(i, static_cast<std::int64_t>(own));
    }
    std::vector<char> next(group.size());
    for (std::int64_t i = 0; i < n; ++i) {
      std::array<double, 2> distance{};
      for (std::size_t g = 0; g < 2; ++g) {
        distance[g] = sums(i, static_cast<std::int64_t>(g)) / size[g] -
                      within[g] / (2.0 * size[g] * size[g]);
      }
      next[static_cast<std::size_t>(i)] = distance[1] < distance[0] ? 1 : 0;
    }
    const auto ones = std::count(next.begin(), next.end(), char{1});
    if (next == group || ones == 0 || ones == n) break;
    group = std::move(next);
  }
  if (group.front() == 1) {
    for (char& own : group) own = own == 0 ? 1 : 0;
  }
  return group;
}

}  // namespace fedtorch::aggregate
