#include "fedtorch/round/defence_report.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

namespace fedtorch::round {
namespace {

constexpr std::size_t kBlock = 4096;  // coordinates

// Sums over coordinates.
struct Sums {
  double error = 0.0;   // |F - mu|^2
  double mean = 0.0;    // |mu|^2
  double spread = 0.0;  // sum over H of |x - mu|^2
};

template <class Real>
Sums Measure(std::span<const Real* const> honest,
             std::span<const double> vector) {
  const std::size_t blocks = (vector.size() + kBlock - 1) / kBlock;
  return tbb::parallel_deterministic_reduce(
      tbb::blocked_range<std::size_t>(0, blocks, 4),
      Sums{},
      [&](const tbb::blocked_range<std::size_t>& range, Sums sums) {
        // Of every column, so that the loops vectorise.
        std::vector<double> mean(kBlock);
        std::vector<double> spread(kBlock);
        for (std::size_t block = range.begin(); block < range.end(); ++block) {
          const std::size_t first = block * kBlock;
          const std::size_t width = std::min(kBlock, vector.size() - first);
          std::fill(mean.begin(), mean.end(), 0.0);
          std::fill(spread.begin(), spread.end(), 0.0);
          for (const Real* row : honest) {
            for (std::size_t k = 0; k < width; ++k) {
              mean[k] += static_cast<double>(row[first + k]);
            }
          }
          for (std::size_t k = 0; k < width; ++k) {
            mean[k] /= static_cast<double>(honest.size());
            const double off = vector[first + k] - mean[k];
            sums.error += off * off;
            sums.mean += mean[k] * mean[k];
          }
          for (const Real* row : honest) {
            for (std::size_t k = 0; k < width; ++k) {
              const double off = static_cast<double>(row[first + k]) - mean[k];
              spread[k] += off * off;
            }
          }
          sums.spread = std::accumulate(
              spread.begin(),
              spread.begin() + static_cast<std::ptrdiff_t>(width),
              sums.spread);
        }
        return sums;
      },
      [](const Sums& left, const Sums& right) {
        return Sums{left.error + right.error,
                    left.mean + right.mean,
                    left.spread + right.spread};
      });
}

}  // namespace

std::map<std::string, double> DefenceMetrics(
    const aggregate::UpdateTable& table,
    std::span<const char> byzantine,
    const aggregate::Result& result) {
  std::map<std::string, double> metrics;
  const auto num_byzantine = std::count_if(
      byzantine.begin(), byzantine.end(), [](char is) { return is != 0; });
  table.Visit([&](auto rows) {
    std::vector<std::remove_cvref_t<decltype(rows[0])>> honest;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (byzantine[i] == 0) honest.push_back(rows[i]);
    }
    if (honest.empty()) return;
    const Sums sums = Measure(std::span(std::as_const(honest)), result.vector);
    const auto count = static_cast<double>(honest.size());
    if (sums.mean > 0.0) {
      metrics["aggregate/error"] = std::sqrt(sums.error / sums.mean);
      if (count > 1.0) {
        metrics["aggregate/vn_ratio"] =
            std::sqrt(sums.spread / (count - 1.0) / sums.mean);
      }
    }
    if (sums.spread > 0.0) {
      metrics["aggregate/kappa"] = sums.error / (sums.spread / count);
    }
  });
  const auto n = static_cast<std::size_t>(table.num_rows());
  if (!result.kept.empty() && result.kept.size() < n) {
    std::vector<char> kept(n, 0);
    for (const std::int64_t row : result.kept) {
      kept[static_cast<std::size_t>(row)] = 1;
    }
    double caught = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      if (kept[i] == 0 && byzantine[i] != 0) caught += 1.0;
    }
    metrics["detection/kept"] = static_cast<double>(result.kept.size());
    metrics["detection/precision"] =
        caught / static_cast<double>(n - result.kept.size());
    if (num_byzantine > 0) {
      metrics["detection/recall"] = caught / static_cast<double>(num_byzantine);
    }
  } else if (result.kept.size() == n && num_byzantine > 0) {
    metrics["detection/kept"] = static_cast<double>(n);
    metrics["detection/recall"] = 0.0;
  }
  return metrics;
}

}  // namespace fedtorch::round
