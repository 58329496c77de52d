#include "fedtorch/aggregate/gram.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/kernel/vectors.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace fedtorch::aggregate {
namespace {

constexpr std::size_t kBlock = 2048;  // columns centred at a time
constexpr std::size_t kMostCentred = 31;

// Sums of one range of blocks; joined in index order.
template <class Real, class Work>
struct GramSum {
  std::span<const Real* const> rows;
  std::span<const std::size_t> middle;
  std::size_t dimension;
  Matrix sums;

  GramSum(std::span<const Real* const> all,
          std::span<const std::size_t> centred,
          std::size_t width)
      : rows(all),
        middle(centred),
        dimension(width),
        sums(static_cast<std::int64_t>(all.size()) + 1,
             static_cast<std::int64_t>(all.size()) + 1) {}
  GramSum(GramSum& other, tbb::split)
      : GramSum(other.rows, other.middle, other.dimension) {}

  void join(const GramSum& right) {
    for (std::size_t i = 0; i < sums.values().size(); ++i) {
      sums.values()[i] += right.sums.values()[i];
    }
  }

  void operator()(const tbb::blocked_range<std::size_t>& range) {
    const std::size_t n = rows.size();
    std::vector<Work> values((n + 1) * kBlock);
    std::vector<Real> column(middle.size());
    for (std::size_t block = range.begin(); block < range.end(); ++block) {
      const std::size_t first = block * kBlock;
      const std::size_t width = std::min(kBlock, dimension - first);
      Work* centre = values.data() + n * kBlock;
      for (std::size_t k = 0; k < width; ++k) {
        for (std::size_t i = 0; i < middle.size(); ++i) {
          column[i] = rows[middle[i]][first + k];
        }
        const auto half =
            column.begin() + static_cast<std::ptrdiff_t>(column.size() / 2);
        std::nth_element(column.begin(), half, column.end());
        centre[k] = static_cast<Work>(*half);
      }
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < width; ++k) {
          values[i * kBlock + k] =
              static_cast<Work>(rows[i][first + k]) - centre[k];
        }
      }
      for (std::size_t i = 0; i <= n; ++i) {
        for (std::size_t j = i; j <= n; ++j) {
          sums(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)) +=
              kernel::Dot(values.data() + i * kBlock,
                          values.data() + j * kBlock,
                          width);
        }
      }
    }
  }
};

template <class Real, class Work>
Matrix GramOf(std::span<const Real* const> rows,
              std::size_t num_centred,
              std::size_t dimension) {
  std::vector<std::size_t> middle;
  const std::size_t count = std::min(num_centred, kMostCentred);
  for (std::size_t i = 0; i < count; ++i) {
    middle.push_back(i * num_centred / count);
  }
  GramSum<Real, Work> body(rows, middle, dimension);
  tbb::parallel_deterministic_reduce(
      tbb::blocked_range<std::size_t>(0, (dimension + kBlock - 1) / kBlock, 8),
      body);
  for (std::int64_t i = 0; i < body.sums.rows(); ++i) {
    for (std::int64_t j = 0; j < i; ++j) body.sums(i, j) = body.sums(j, i);
  }
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
  return vectors.Visit([&](auto rows) {
    using Real = std::remove_cvref_t<decltype(*rows.front())>;
    const auto centred = static_cast<std::size_t>(num_centred);
    const auto width = static_cast<std::size_t>(vectors.dimension);
    Matrix gram = GramOf<Real, Real>(rows, centred, width);
    // Squares beyond float32 are formed in float64.
    if (std::is_same_v<Real, float> && !IsFinite(gram)) {
      gram = GramOf<Real, double>(rows, centred, width);
    }
    return gram;
  });
}

template <class Real>
void MixRows(std::span<const Real* const> rows,
             const Matrix& coefficients,
             std::size_t dimension,
             std::span<Real> out) {
  tbb::parallel_for(
      tbb::blocked_range<std::size_t>(0, (dimension + kBlock - 1) / kBlock),
      [&](const tbb::blocked_range<std::size_t>& range) {
        for (std::size_t block = range.begin(); block < range.end(); ++block) {
          const std::size_t first = block * kBlock;
          const std::size_t width = std::min(kBlock, dimension - first);
          for (std::int64_t i = 0; i < coefficients.rows(); ++i) {
            Real* to =
                out.data() + static_cast<std::size_t>(i) * dimension + first;
            std::fill(to, to + width, Real{0});
            for (std::size_t k = 0; k < rows.size(); ++k) {
              const auto factor = static_cast<Real>(
                  coefficients(i, static_cast<std::int64_t>(k)));
              if (factor == Real{0}) continue;
              kernel::AddScaled(factor, rows[k] + first, width, to);
            }
          }
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
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, (out.size() + kBlock - 1) / kBlock),
        [&](const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t block = range.begin(); block < range.end();
               ++block) {
            const std::size_t first = block * kBlock;
            const std::size_t last = std::min(out.size(), first + kBlock);
            std::fill(out.begin() + static_cast<std::ptrdiff_t>(first),
                      out.begin() + static_cast<std::ptrdiff_t>(last),
                      0.0);
            for (std::size_t i = 0; i < rows.size(); ++i) {
              const double factor = coefficients[i];
              if (factor == 0.0) continue;
              for (std::size_t k = first; k < last; ++k) {
                out[k] += factor * static_cast<double>(rows[i][k]);
              }
            }
          }
        });
  });
}

}  // namespace fedtorch::aggregate
