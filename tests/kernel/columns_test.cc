#include "fedtorch/kernel/columns.h"

#include "fedtorch/core/errors.h"
#include "tests/kernel/noise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace fedtorch::kernel {
namespace {

class Columns : public OnEveryInstructionSet {};

// A matrix with rows that do not follow one another in memory.
template <class Real>
struct Matrix {
  Matrix(std::size_t number, std::size_t columns)
      : count(number), values(number, std::vector<Real>(columns)) {
    for (auto& row : values) rows.push_back(row.data());
  }

  std::vector<Real> Sorted(std::size_t column) const {
    std::vector<Real> sorted(count);
    for (std::size_t i = 0; i < count; ++i) {
      sorted[i] = values[i][column] + Real{0};  // No -0.
    }
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  std::size_t count;
  std::vector<std::vector<Real>> values;
  std::vector<const Real*> rows;
};

// Noise; in every third column few different values with zeros of both signs,
// and in every seventh values without common size.
template <class Real>
Matrix<Real> Mixed(std::size_t count, std::size_t columns, std::uint64_t seed) {
  Matrix<Real> matrix(count, columns);
  const auto noise = Noise<Real>(count * columns, seed);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < columns; ++k) {
      Real value = noise[i * columns + k];
      if (k % 3 == 1) value = std::round(value);  // -0 among them.
      if (k % 7 == 2) value *= i % 2 == 0 ? Real(1e30) : Real(1e-42);
      matrix.values[i][k] = value;
    }
  }
  return matrix;
}

// Definitions, a value at a time.
template <class Real>
double SlowMedian(const std::vector<Real>& sorted) {
  const std::size_t n = sorted.size();
  return (static_cast<double>(sorted[(n - 1) / 2]) +
          static_cast<double>(sorted[n / 2])) /
         2.0;
}

template <class Real>
double SlowMean(const Real* from, const Real* to) {
  double sum = 0.0;
  for (const Real* at = from; at != to; ++at) sum += static_cast<double>(*at);
  return sum / static_cast<double>(to - from);
}

template <class Real>
double SlowMeanAround(const Matrix<Real>& matrix,
                      std::size_t column,
                      std::size_t nearest,
                      double centre) {
  std::vector<std::size_t> order(matrix.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto distance = [&](std::size_t i) {
    return std::abs(static_cast<double>(matrix.values[i][column]) - centre);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return distance(a) < distance(b);
  });
  std::vector<Real> chosen;
  for (std::size_t i = 0; i < nearest; ++i) {
    chosen.push_back(matrix.values[order[i]][column]);
  }
  std::sort(chosen.begin(), chosen.end());
  return SlowMean(chosen.data(), chosen.data() + nearest);
}

// Bits are compared: a mere -0 for +0 is an error.
void ExpectSame(double actual, double expected, std::size_t column) {
  EXPECT_EQ(std::bit_cast<std::uint64_t>(actual),
            std::bit_cast<std::uint64_t>(expected))
      << actual << " is not " << expected << " in column " << column;
}

template <class Real>
void CheckMatrix(const Matrix<Real>& matrix,
                 std::size_t first,
                 std::size_t last) {
  SCOPED_TRACE(testing::Message() << matrix.count << " rows, columns [" << first
                                  << ", " << last << ")");
  const std::size_t n = matrix.count;
  const std::size_t width = last - first;
  const auto* rows = matrix.rows.data();
  TileBuffer buffer;

  std::vector<double> medians(width, -1.0);
  ColumnMedians(MedianNetwork(n),
                rows,
                first,
                last,
                EvenMedian::kMean,
                buffer,
                medians.data());
  std::vector<double> lower(width, -1.0);
  ColumnMedians(MedianNetwork(n),
                rows,
                first,
                last,
                EvenMedian::kLower,
                buffer,
                lower.data());
  std::vector<Real> centre(width, Real{-1});
  ColumnMedians(MedianNetwork(n),
                rows,
                first,
                last,
                EvenMedian::kMean,
                buffer,
                centre.data());
  std::vector<Real> sorted(n * (width + 1), Real{-1});
  SortColumns(
      SortingNetwork(n), rows, first, last, buffer, width + 1, sorted.data());
  for (std::size_t k = 0; k < width; ++k) {
    const auto expected = matrix.Sorted(first + k);
    ExpectSame(medians[k], SlowMedian(expected), k);
    ExpectSame(lower[k], static_cast<double>(expected[(n - 1) / 2]), k);
    ExpectSame(static_cast<double>(centre[k]),
               static_cast<double>(static_cast<Real>(SlowMedian(expected))),
               k);
    for (std::size_t rank = 0; rank < n; ++rank) {
      ExpectSame(static_cast<double>(sorted[rank * (width + 1) + k]),
                 static_cast<double>(expected[rank]),
                 k);
    }
  }
  for (std::size_t rank = 0; rank < n; ++rank) {
    EXPECT_EQ(sorted[rank * (width + 1) + width], Real{-1}) << "beyond a row";
  }
  for (const std::size_t trim : {std::size_t{0}, n / 5, (n - 1) / 2}) {
    std::vector<double> means(width, -1.0);
    ColumnTrimmedMeans(
        TrimmedNetwork(n, trim), rows, first, last, buffer, means.data());
    std::vector<double> around(width, -1.0);
    ColumnMeansAround(SortingNetwork(n),
                      rows,
                      first,
                      last,
                      n - trim,
                      medians.data(),
                      buffer,
                      around.data());
    for (std::size_t k = 0; k < width; ++k) {
      const auto expected = matrix.Sorted(first + k);
      ExpectSame(means[k],
                 SlowMean(expected.data() + trim, expected.data() + n - trim),
                 k);
      ExpectSame(around[k],
                 SlowMeanAround(matrix, first + k, n - trim, medians[k]),
                 k);
    }
  }
}

TEST_P(Columns, AreTheirDefinitionsForEveryNumberOfRows) {
  for (std::size_t n = 1; n <= 70; ++n) {
    CheckMatrix(Mixed<float>(n, 45, n), 3, 45);
    CheckMatrix(Mixed<double>(n, 21, n), 1, 21);
  }
  for (const std::size_t n : {100, 129, 200, 300, 1000}) {
    CheckMatrix(Mixed<float>(n, 70, n), 0, 70);
    CheckMatrix(Mixed<double>(n, 21, n), 0, 20);
  }
}

TEST_P(Columns, AreTheirDefinitionsForEveryNumberOfColumns) {
  const auto matrix = Mixed<float>(11, 140, 1);
  const auto wide = Mixed<double>(11, 140, 1);
  for (std::size_t width = 1; width <= 70; ++width) {
    CheckMatrix(matrix, width, 2 * width);
    CheckMatrix(wide, width, 2 * width);
  }
  // Several tiles.
  CheckMatrix(Mixed<float>(5, 2500, 2), 1, 2500);
}

// With integers and an even number of rows values at equal distance abound.
TEST_P(Columns, OfValuesEquallyFarFromTheCentreTheFirstRowsCount) {
  for (std::size_t n = 2; n <= 12; ++n) {
    Matrix<float> matrix(n, 64);
    const auto noise = Noise<float>(n * 64, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < 64; ++k) {
        matrix.values[i][k] = std::round(2 * noise[i * 64 + k]);
      }
    }
    for (const double at : {0.0, 0.5, 1.0, -7.0}) {
      const std::vector<double> centre(64, at);
      for (std::size_t nearest = 1; nearest <= n; ++nearest) {
        TileBuffer buffer;
        std::vector<double> out(64);
        ColumnMeansAround(SortingNetwork(n),
                          matrix.rows.data(),
                          0,
                          64,
                          nearest,
                          centre.data(),
                          buffer,
                          out.data());
        for (std::size_t k = 0; k < 64; ++k) {
          ExpectSame(out[k], SlowMeanAround(matrix, k, nearest, at), k);
        }
      }
    }
  }
}

// Published examples: the mean around the median of three rows with equal
// steps, and a trimmed mean that a sum minus its extremes gets wrong.
TEST_P(Columns, GiveKnownValues) {
  Matrix<float> steps(3, 3);
  steps.values[0] = {1, 2, 3};
  steps.values[1] = {4, 5, 6};
  steps.values[2] = {7, 8, 9};
  for (std::size_t i = 0; i < 3; ++i) steps.rows[i] = steps.values[i].data();
  TileBuffer buffer;
  std::vector<double> out{4, 5, 6};
  ColumnMeansAround(SortingNetwork(3),
                    steps.rows.data(),
                    0,
                    3,
                    2,
                    out.data(),
                    buffer,
                    out.data());
  EXPECT_EQ(out, (std::vector<double>{2.5, 3.5, 4.5}));
  Matrix<float> extreme(5, 1);
  const float values[] = {1, 2, 3, -5, 1e8F};
  for (std::size_t i = 0; i < 5; ++i) extreme.values[i][0] = values[i];
  double mean = 0.0;
  ColumnTrimmedMeans(
      TrimmedNetwork(5, 1), extreme.rows.data(), 0, 1, buffer, &mean);
  EXPECT_EQ(mean, 2.0);
}

TEST_P(Columns, MediansOfTheLargestAndSmallestDoubles) {
  TileBuffer buffer;
  for (const double value : {std::numeric_limits<double>::max(),
                             std::numeric_limits<double>::denorm_min()}) {
    for (const double sign : {1.0, -1.0}) {
      const double entry = sign * value;
      const double* rows[] = {&entry, &entry};
      double median = 0.0;
      ColumnMedians(
          MedianNetwork(2), rows, 0, 1, EvenMedian::kMean, buffer, &median);
      EXPECT_EQ(median, entry);
    }
  }
  const double tiny = -std::numeric_limits<double>::denorm_min();
  const double zero = 0.0;
  const double* rows[] = {&tiny, &zero};
  double median = 1.0;
  ColumnMedians(
      MedianNetwork(2), rows, 0, 1, EvenMedian::kMean, buffer, &median);
  ExpectSame(median, 0.0, 0);
}

TEST_P(Columns, DoNotDependOnTheOrderOfRows) {
  for (const std::size_t n : {7, 40, 100, 333}) {
    auto matrix = Mixed<float>(n, 50, n);
    const auto all = [&] {
      TileBuffer buffer;
      std::vector<double> out(100);
      ColumnMedians(MedianNetwork(n),
                    matrix.rows.data(),
                    0,
                    50,
                    EvenMedian::kMean,
                    buffer,
                    out.data());
      ColumnTrimmedMeans(TrimmedNetwork(n, n / 4),
                         matrix.rows.data(),
                         0,
                         50,
                         buffer,
                         out.data() + 50);
      return out;
    };
    const auto before = all();
    std::reverse(matrix.rows.begin(), matrix.rows.end());
    std::rotate(
        matrix.rows.begin(), matrix.rows.begin() + 3, matrix.rows.end());
    const auto after = all();
    for (std::size_t k = 0; k < 100; ++k) ExpectSame(after[k], before[k], k);
  }
}

TEST_P(Columns, RefuseANetworkThatLacksRanks) {
  Matrix<float> matrix(4, 1);
  TileBuffer buffer;
  double out = 0.0;
  EXPECT_THROW(ColumnMedians(SelectionNetwork(4, 0, 2),
                             matrix.rows.data(),
                             0,
                             1,
                             EvenMedian::kMean,
                             buffer,
                             &out),
               core::Bug);
  EXPECT_THROW(
      ColumnMeansAround(
          MedianNetwork(4), matrix.rows.data(), 0, 1, 2, &out, buffer, &out),
      core::Bug);
  EXPECT_THROW(TrimmedNetwork(4, 2), core::Bug);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Columns,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
