#include "fedtorch/aggregate/columns.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/kernel/columns.h"
#include "fedtorch/kernel/tile_buffer.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

// Columns of a task: enough to hide the way of the rows from memory, few
// enough for all workers to have some.
constexpr std::size_t kBlock = 16384;

// Columns whose sums of signs stay in the first cache.
constexpr std::size_t kSignBlock = 2048;

// Calls body(rows, first, last, buffer) for all blocks of columns.
template <class Body>
void ForBlocks(const UpdateTable& table, const Body& body) {
  const auto dimension = static_cast<std::size_t>(table.dimension);
  table.Visit([&](auto rows) {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, (dimension + kBlock - 1) / kBlock),
        [&](const tbb::blocked_range<std::size_t>& range) {
          kernel::TileBuffer buffer;
          for (std::size_t block = range.begin(); block < range.end();
               ++block) {
            const std::size_t first = block * kBlock;
            body(rows.data(),
                 first,
                 std::min(first + kBlock, dimension),
                 buffer);
          }
        });
  });
}

}  // namespace

std::vector<double> Medians(const UpdateTable& table, bool lower) {
  FEDTORCH_CHECK(table.num_rows() >= 1, "a median of no rows");
  const kernel::SelectionNetwork network =
      kernel::MedianNetwork(static_cast<std::size_t>(table.num_rows()));
  const auto even =
      lower ? kernel::EvenMedian::kLower : kernel::EvenMedian::kMean;
  std::vector<double> out(static_cast<std::size_t>(table.dimension));
  ForBlocks(table,
            [&](auto rows, std::size_t first, std::size_t last, auto& buffer) {
              kernel::ColumnMedians(
                  network, rows, first, last, even, buffer, out.data() + first);
            });
  return out;
}

std::vector<double> TrimmedMeans(const UpdateTable& table, std::int64_t trim) {
  FEDTORCH_CHECK(trim >= 0 && 2 * trim < table.num_rows(),
                 "a trimmed mean keeps a value");
  const kernel::SelectionNetwork network =
      kernel::TrimmedNetwork(static_cast<std::size_t>(table.num_rows()),
                             static_cast<std::size_t>(trim));
  std::vector<double> out(static_cast<std::size_t>(table.dimension));
  ForBlocks(table,
            [&](auto rows, std::size_t first, std::size_t last, auto& buffer) {
              kernel::ColumnTrimmedMeans(
                  network, rows, first, last, buffer, out.data() + first);
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
  const kernel::SelectionNetwork network =
      kernel::SortingNetwork(static_cast<std::size_t>(table.num_rows()));
  std::vector<double> out(centre.size());
  ForBlocks(table,
            [&](auto rows, std::size_t first, std::size_t last, auto& buffer) {
              kernel::ColumnMeansAround(network,
                                        rows,
                                        first,
                                        last,
                                        static_cast<std::size_t>(count),
                                        centre.data() + first,
                                        buffer,
                                        out.data() + first);
            });
  return out;
}

std::vector<std::int64_t> SignSums(const UpdateTable& table) {
  FEDTORCH_CHECK(table.num_rows() >= 1, "signs of no rows");
  std::vector<std::int64_t> out(static_cast<std::size_t>(table.dimension));
  table.Visit([&](auto rows) {
    using Real = std::remove_cvref_t<decltype(*rows.front())>;
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(
            0, (out.size() + kSignBlock - 1) / kSignBlock),
        [&](const tbb::blocked_range<std::size_t>& range) {
          // Narrow numbers, of which a register holds many.
          std::vector<std::int32_t> sums(kSignBlock);
          for (std::size_t block = range.begin(); block < range.end();
               ++block) {
            const std::size_t first = block * kSignBlock;
            const std::size_t width = std::min(kSignBlock, out.size() - first);
            std::fill(sums.begin(), sums.end(), 0);
            for (const Real* row : rows) {
              for (std::size_t k = 0; k < width; ++k) {
                const Real value = row[first + k];
                sums[k] += static_cast<std::int32_t>(value > Real{0}) -
                           static_cast<std::int32_t>(value < Real{0});
              }
            }
            std::copy_n(sums.begin(),
                        width,
                        out.begin() + static_cast<std::ptrdiff_t>(first));
          }
        });
  });
  return out;
}

}  // namespace fedtorch::aggregate
