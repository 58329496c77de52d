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
template <class Real>
double MedianOf(std::span<Real> column) {
  const std::size_t half = column.size() / 2;
  const auto middle = column.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(column.begin(), middle, column.end());
  double median = static_cast<double>(*middle);
  if (column.size() % 2 == 0) {
    const Real below = *std::max_element(column.begin(), middle);
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
  Result Aggregate(const Inputs& inputs, const Context&) const override {
    const UpdateTable& table = inputs.table();
    Result result;
    result.vector.resize(static_cast<std::size_t>(table.dimension));
    table.Visit([&](auto rows) { All(rows, result.vector); });
    return result;
  }

 private:
  template <class Real>
  static void All(std::span<const Real* const> rows, std::span<double> out) {
    FEDTORCH_CHECK(!rows.empty(), "a median of no rows");
    const auto n = static_cast<std::int64_t>(rows.size());
    const auto width = static_cast<std::size_t>(
        std::clamp(kBufferValues / n, kFewestColumns, kMostColumns));
    const std::size_t blocks = (out.size() + width - 1) / width;
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, blocks),
        [&](const tbb::blocked_range<std::size_t>& range) {
          std::vector<Real> columns(width * rows.size());
          for (std::size_t block = range.begin(); block < range.end();
               ++block) {
            const std::size_t start = block * width;
            const std::size_t count = std::min(width, out.size() - start);
            for (std::size_t row = 0; row < rows.size(); ++row) {
              for (std::size_t column = 0; column < count; ++column) {
                columns[column * rows.size() + row] = rows[row][start + column];
              }
            }
            for (std::size_t column = 0; column < count; ++column) {
              out[start + column] = MedianOf(std::span(columns).subspan(
                  column * rows.size(), rows.size()));
            }
          }
        });
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
