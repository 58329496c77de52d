#include "tests/aggregate/plain_columns.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate::plain {
namespace {

// Returns column k in float64.
std::vector<double> Column(const UpdateTable& table, std::size_t k) {
  std::vector<double> column;
  table.Visit([&](auto rows) {
    for (const auto* row : rows) column.push_back(static_cast<double>(row[k]));
  });
  return column;
}

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

}  // namespace

std::vector<double> Medians(const UpdateTable& table, bool lower) {
  std::vector<double> out;
  for (std::size_t k = 0; k < static_cast<std::size_t>(table.dimension); ++k) {
    std::vector<double> column = Column(table, k);
    std::sort(column.begin(), column.end());
    const double low = column[(column.size() - 1) / 2];
    const double high = column[column.size() / 2];
    // Turns -0 into 0.
    out.push_back((lower ? low : 0.5 * (low + high)) + 0.0);
  }
  return out;
}

std::vector<double> TrimmedMeans(const UpdateTable& table, std::int64_t trim) {
  const auto cut = static_cast<std::size_t>(trim);
  std::vector<double> out;
  for (std::size_t k = 0; k < static_cast<std::size_t>(table.dimension); ++k) {
    std::vector<double> column = Column(table, k);
    std::sort(column.begin(), column.end());
    out.push_back(
        Mean(std::span(column).subspan(cut, column.size() - 2 * cut)));
  }
  return out;
}

std::vector<double> MeansAround(const UpdateTable& table,
                                std::span<const double> centre,
                                std::int64_t count) {
  std::vector<double> out;
  for (std::size_t k = 0; k < centre.size(); ++k) {
    const std::vector<double> column = Column(table, k);
    std::vector<std::size_t> order(column.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return std::fabs(column[a] - centre[k]) <
             std::fabs(column[b] - centre[k]);
    });
    std::vector<double> nearest;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      nearest.push_back(column[order[i]]);
    }
    std::sort(nearest.begin(), nearest.end());
    out.push_back(Mean(nearest));
  }
  return out;
}

}  // namespace fedtorch::aggregate::plain
