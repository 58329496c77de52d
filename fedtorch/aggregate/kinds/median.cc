#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/core/errors.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

// Columns are copied side by side before they are searched, a few cache lines
// of every row at a time; fewer where many rows would overflow the cache.
constexpr std::int64_t kMostColumns = 64;
constexpr std::int64_t kFewestColumns = 16;
constexpr std::int64_t kBufferValues = 65536;

// Reorders the column.
double MedianOf(std::span<float> column) {
  const std::size_t half = column.size() / 2;
  const auto middle = column.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(column.begin(), middle, column.end());
  double median = static_cast<double>(*middle);
  if (column.size() % 2 == 0) {
    const float below = *std::max_element(column.begin(), middle);
    median = 0.5 * (static_cast<double>(below) + median);
  }
  // Turns -0 into 0: which of the two stands in the middle would depend on
  // the order of the rows.
  return median + 0.0;
}

/// Takes the median of every coordinate; an even number of rows gives the
/// mean of the two in the middle. Ignores weights. Cost: O(nd).
class Median final : public Aggregator {
 public:
  Result Aggregate(const UpdateTable& table) const override {
    FEDTORCH_CHECK(table.num_rows >= 1, "a median of no rows");
    Result result;
    result.vector.resize(static_cast<std::size_t>(table.dimension));
    const std::int64_t width = std::clamp(
        kBufferValues / table.num_rows, kFewestColumns, kMostColumns);
    const std::int64_t blocks = (table.dimension + width - 1) / width;
    tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, blocks),
                      [&](const tbb::blocked_range<std::int64_t>& range) {
                        std::vector<float> columns(
                            static_cast<std::size_t>(width * table.num_rows));
                        for (std::int64_t block = range.begin();
                             block < range.end();
                             ++block) {
                          const std::int64_t start = block * width;
                          Block(table,
                                start,
                                std::min(width, table.dimension - start),
                                columns,
                                result.vector);
                        }
                      });
    return result;
  }

 private:
  static void Block(const UpdateTable& table,
                    std::int64_t start,
                    std::int64_t width,
                    std::span<float> columns,
                    std::span<double> out) {
    const auto rows = static_cast<std::size_t>(table.num_rows);
    const auto count = static_cast<std::size_t>(width);
    const auto first = static_cast<std::size_t>(start);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto values =
          table.Row(static_cast<std::int64_t>(row)).subspan(first, count);
      for (std::size_t column = 0; column < count; ++column) {
        columns[column * rows + row] = values[column];
      }
    }
    for (std::size_t column = 0; column < count; ++column) {
      out[first + column] = MedianOf(columns.subspan(column * rows, rows));
    }
  }
};

std::unique_ptr<Aggregator> Make(config::Section& /*section*/) {
  return std::make_unique<Median>();
}

}  // namespace

extern const Kind kMedian;
constinit const Kind kMedian{
    .name = "median",
    .summary = "Median of every coordinate on its own; ignores weights.",
    .source = "Yin et al. 2018, definition 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
