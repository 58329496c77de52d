#include "fedtorch/aggregate/gram.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/kernel/columns.h"
#include "fedtorch/kernel/gram.h"
#include "fedtorch/kernel/mix.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace fedtorch::aggregate {
namespace {

// Columns of one call of a kernel: enough to hide the way from memory, few
// enough to share a million columns among threads.
constexpr std::size_t kChunk = 16384;
constexpr std::size_t kMostCentred = 31;

std::size_t NumChunks(std::size_t columns) {
  return (columns + kChunk - 1) / kChunk;
}

// Products of one range of chunks; joined in index order.
template <class Real>
struct GramSum {
  const std::vector<const Real*>& rows;
  const std::vector<const Real*>& middle;  // rows the centre is the median of
  const kernel::SelectionNetwork& network;
  std::size_t dimension;
  Matrix sums;

  GramSum(const std::vector<const Real*>& all,
          const std::vector<const Real*>& centred,
          const kernel::SelectionNetwork& median,
          std::size_t width)
      : rows(all),
        middle(centred),
        network(median),
        dimension(width),
        sums(static_cast<std::int64_t>(all.size()) + 1,
             static_cast<std::int64_t>(all.size()) + 1) {}
  GramSum(GramSum& other, tbb::split)
      : GramSum(other.rows, other.middle, other.network, other.dimension) {}

  void join(const GramSum& right) {
    for (std::size_t i = 0; i < sums.values().size(); ++i) {
      sums.values()[i] += right.sums.values()[i];
    }
  }

  void operator()(const tbb::blocked_range<std::size_t>& range) {
    kernel::TileBuffer buffer;
    std::vector<Real> centre(kChunk);
    std::vector<Real> twice(kChunk);
    std::vector<const Real*> parts(rows.size() + 1);
    for (std::size_t chunk = range.begin(); chunk < range.end(); ++chunk) {
      const std::size_t first = chunk * kChunk;
      const std::size_t width = std::min(kChunk, dimension - first);
      kernel::ColumnMedians(network,
                            middle.data(),
                            first,
                            first + width,
                            kernel::EvenMedian::kMean,
                            buffer,
                            centre.data());
      for (std::size_t i = 0; i < rows.size(); ++i) parts[i] = rows[i] + first;
      // With the centre taken off, this row is the centre itself.
      for (std::size_t k = 0; k < width; ++k) twice[k] = centre[k] + centre[k];
      parts.back() = twice.data();
      kernel::AddGram(parts.data(),
                      parts.size(),
                      0,
                      width,
                      centre.data(),
                      buffer,
                      sums.values().data());
    }
  }
};

template <class Real>
Matrix GramOf(const std::vector<const Real*>& rows,
              std::size_t num_centred,
              std::size_t dimension) {
  std::vector<const Real*> middle;
  const std::size_t count = std::min(num_centred, kMostCentred);
  for (std::size_t i = 0; i < count; ++i) {
    middle.push_back(rows[i * num_centred / count]);
  }
  const kernel::SelectionNetwork network = kernel::MedianNetwork(count);
  GramSum<Real> body(rows, middle, network, dimension);
  tbb::parallel_deterministic_reduce(
      tbb::blocked_range<std::size_t>(0, NumChunks(dimension), 4), body);
  return std::move(body.sums);
}

bool IsFinite(const Matrix& matrix) {
  return std::all_of(matrix.values().begin(),
                     matrix.values().end(),
                     [](double value) { return std::isfinite(value); });
}

}  // namespace

Matrix CentredGram(const UpdateTable& vectors, std::int64_t num_centred) {
  FEDTORCH_CHECK(num_centred >= 1, "a Gram matrix of no rows");
  const auto centred = static_cast<std::size_t>(num_centred);
  const auto width = static_cast<std::size_t>(vectors.dimension);
  if (vectors.is_double()) {
    return GramOf(std::get<1>(vectors.rows), centred, width);
  }
  const auto& rows = std::get<0>(vectors.rows);
  Matrix gram = GramOf(rows, centred, width);
  if (IsFinite(gram)) return gram;
  // Squares beyond float32 are formed in float64, from a copy: such rows are
  // as rare as they are wrong.
  std::vector<std::vector<double>> copies;
  std::vector<const double*> pointers;
  for (const float* row : rows) {
    copies.emplace_back(row, row + width);
    pointers.push_back(copies.back().data());
  }
  return GramOf(pointers, centred, width);
}

template <class Real>
void MixRows(std::span<const Real* const> rows,
             const Matrix& coefficients,
             std::size_t dimension,
             std::span<Real> out) {
  std::vector<Real*> to;
  for (std::int64_t i = 0; i < coefficients.rows(); ++i) {
    to.push_back(out.data() + static_cast<std::size_t>(i) * dimension);
  }
  tbb::parallel_for(
      tbb::blocked_range<std::size_t>(0, NumChunks(dimension)),
      [&](const tbb::blocked_range<std::size_t>& range) {
        kernel::TileBuffer buffer;
        for (std::size_t chunk = range.begin(); chunk < range.end(); ++chunk) {
          kernel::MixRows(rows.data(),
                          rows.size(),
                          chunk * kChunk,
                          std::min(dimension, (chunk + 1) * kChunk),
                          coefficients.values().data(),
                          to.size(),
                          buffer,
                          to.data());
        }
      });
}

template void MixRows(std::span<const float* const> rows,
                      const Matrix& coefficients,
                      std::size_t dimension,
                      std::span<float> out);
template void MixRows(std::span<const double* const> rows,
                      const Matrix& coefficients,
                      std::size_t dimension,
                      std::span<double> out);

void WeightedSum(const UpdateTable& table,
                 std::span<const double> coefficients,
                 std::span<double> out) {
  table.Visit([&](auto rows) {
    // Rows that do not count are not read.
    std::vector<std::remove_cvref_t<decltype(rows[0])>> counting;
    std::vector<double> weights;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (coefficients[i] == 0.0) continue;
      counting.push_back(rows[i]);
      weights.push_back(coefficients[i]);
    }
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, NumChunks(out.size())),
                      [&](const tbb::blocked_range<std::size_t>& range) {
                        for (std::size_t chunk = range.begin();
                             chunk < range.end();
                             ++chunk) {
                          const std::size_t first = chunk * kChunk;
                          kernel::MixToOne(counting.data(),
                                           counting.size(),
                                           first,
                                           std::min(out.size(), first + kChunk),
                                           weights.data(),
                                           out.data() + first);
                        }
                      });
  });
}

}  // namespace fedtorch::aggregate
