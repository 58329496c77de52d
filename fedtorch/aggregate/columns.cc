#include "fedtorch/aggregate/columns.h"

#include "fedtorch/core/errors.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

// Columns are copied side by side before they are searched, a few cache lines
// of every row at a time; fewer where many rows would overflow the cache.
constexpr std::int64_t kMostColumns = 64;
constexpr std::int64_t kFewestColumns = 16;
constexpr std::int64_t kBufferValues = 65536;

// Columns whose sums of signs stay in the first cache.
constexpr std::size_t kSignBlock = 2048;

// Calls body(column, k) with a copy of each column k, which it may reorder.
template <class Real, class Body>
void ForColumns(std::span<const Real* const> rows,
                std::size_t dimension,
                const Body& body) {
  FEDTORCH_CHECK(!rows.empty(), "a column of no rows");
  const auto n = static_cast<std::int64_t>(rows.size());
  const auto width = static_cast<std::size_t>(
      std::clamp(kBufferValues / n, kFewestColumns, kMostColumns));
  const std::size_t blocks = (dimension + width - 1) / width;
  tbb::parallel_for(
      tbb::blocked_range<std::size_t>(0, blocks),
      [&](const tbb::blocked_range<std::size_t>& range) {
        std::vector<Real> columns(width * rows.size());
        for (std::size_t block = range.begin(); block < range.end(); ++block) {
          const std::size_t start = block * width;
          const std::size_t count = std::min(width, dimension - start);
          for (std::size_t row = 0; row < rows.size(); ++row) {
            for (std::size_t column = 0; column < count; ++column) {
              columns[column * rows.size() + row] = rows[row][start + column];
            }
          }
          for (std::size_t column = 0; column < count; ++column) {
            body(std::span(columns).subspan(column * rows.size(), rows.size()),
                 start + column);
          }
        }
      });
}

template <class Real>
double MedianOf(std::span<Real> column, bool lower) {
  const std::size_t size = column.size();
  const std::size_t rank = lower ? (size - 1) / 2 : size / 2;
  const auto middle = column.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(column.begin(), middle, column.end());
  double median = static_cast<double>(*middle);
  if (size % 2 == 0 && !lower) {
    const Real below = *std::max_element(column.begin(), middle);
    median = 0.5 * (static_cast<double>(below) + median);
  }
  // Turns -0 into 0: which of the two stands in the middle would depend on
  // the order of the rows.
  return median + 0.0;
}

template <class Real>
double MeanOfSorted(std::span<const Real> values) {
  double sum = 0.0;
  for (const Real value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> Medians(const UpdateTable& table, bool lower) {
  std::vector<double> out(static_cast<std::size_t>(table.dimension));
  table.Visit([&](auto rows) {
    ForColumns(rows, out.size(), [&](auto column, std::size_t k) {
      out[k] = MedianOf(column, lower);
    });
  });
  return out;
}

std::vector<double> TrimmedMeans(const UpdateTable& table, std::int64_t trim) {
  FEDTORCH_CHECK(trim >= 0 && 2 * trim < table.num_rows(),
                 "a trimmed mean keeps a value");
  const auto cut = static_cast<std::size_t>(trim);
  std::vector<double> out(static_cast<std::size_t>(table.dimension));
  table.Visit([&](auto rows) {
    using Real = std::remove_cvref_t<decltype(*rows.front())>;
    ForColumns(rows, out.size(), [&](std::span<Real> column, std::size_t k) {
      std::sort(column.begin(), column.end());
      out[k] = MeanOfSorted<Real>(column.subspan(cut, column.size() - 2 * cut));
    });
  });
  return out;
}

std::vector<double> MeansAround(const UpdateTable& table,
                                std::span<const double> centre,
                                std::int64_t count) {
  FEDTORCH_CHECK(
      count >= 1 && count <= table.num_rows() &&
          static_cast<std::int64_t>(centre.size()) == table.dimension,
      "a mean of 1 to n values around a centre");
  std::vector<double> out(centre.size());
  table.Visit([&](auto rows) {
    using Real = std::remove_cvref_t<decltype(*rows.front())>;
    ForColumns(rows, out.size(), [&](std::span<Real> column, std::size_t k) {
      std::vector<double> distances;
      for (const Real value : column) {
        distances.push_back(std::fabs(static_cast<double>(value) - centre[k]));
      }
      std::vector<std::size_t> order(column.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(
          order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return distances[a] < distances[b];
          });
      std::vector<Real> nearest;
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        nearest.push_back(column[order[i]]);
      }
      std::sort(nearest.begin(), nearest.end());
      out[k] = MeanOfSorted<Real>(nearest);
    });
  });
  return out;
}

std::vector<std::int64_t> SignSums(const UpdateTable& table) {
  FEDTORCH_CHECK(table.num_rows() >= 1, "signs of no rows");
  std::vector<std::int64_t> out(static_cast<std::size_t>(table.dimension));
  table.Visit([&](auto rows) {
    using Real = std::remove_cvref_t<decltype(*rows.front())>;
    tbb::parallel_for(tbb::blocked_range<std::size_t>(
                          0, (out.size() + kSignBlock - 1) / kSignBlock),
                      [&](const tbb::blocked_range<std::size_t>& range) {
                        const std::size_t first = range.begin() * kSignBlock;
                        const std::size_t last =
                            std::min(out.size(), range.end() * kSignBlock);
                        for (const Real* row : rows) {
                          for (std::size_t k = first; k < last; ++k) {
                            out[k] +=
                                static_cast<std::int64_t>(row[k] > Real{0}) -
                                static_cast<std::int64_t>(row[k] < Real{0});
                          }
                        }
                      });
  });
  return out;
}

}  // namespace fedtorch::aggregate
