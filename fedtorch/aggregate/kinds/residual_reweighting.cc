// Residual-based reweighting: in every coordinate the sorted values are fitted
// by a line with repeated medians; a client's confidence is how near the line
// it stays, and values far from it are put on the line.
//
// Avoids: a scale raised by a fixed number, which drowns small updates (it is
// raised relative to the values instead), 0/0 where all confidences are equal,
// and n x n slopes of all coordinates at once.
// With f adversaries it holds out for n >= 2f + 2: for n = 2f + 1 the median of
// n - 1 slopes, an even number, takes one of theirs. Cost: O(n^2 d). Equal
// values take ranks in the order of the rows.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

constexpr std::int64_t kBlock = 256;  // coordinates of one task
// Consistent for the normal distribution, with the correction of the paper.
constexpr double kNormal = 1.4826;
// What rounding can make of residuals, relative to the values.
constexpr double kRounding = 1e-12;

// A line through the sorted values of one coordinate, and what counts as far.
struct Line {
  double slope = 0.0;
  double intercept = 0.0;
  double scale = 0.0;
  double At(std::size_t rank) const {
    return intercept + slope * static_cast<double>(rank);
  }
};

// One coordinate of all rows; buffers are reused from one to the next.
struct Column {
  std::vector<double> values;       // [n] by row
  std::vector<std::size_t> ranked;  // [n] row of each rank
  std::vector<double> sorted;       // [n] by rank
  std::vector<double> weights;      // [n] by row
  std::vector<double> slopes;
  std::vector<double> middles;

  explicit Column(std::size_t n)
      : values(n), ranked(n), sorted(n), weights(n), middles(n) {}

  void Sort() {
    std::iota(ranked.begin(), ranked.end(), std::size_t{0});
    std::stable_sort(ranked.begin(), ranked.end(), [&](auto a, auto b) {
      return values[a] < values[b];
    });
    for (std::size_t k = 0; k < ranked.size(); ++k) {
      sorted[k] = values[ranked[k]];
    }
  }

  Line Fit() {
    Line line;
    const std::size_t n = values.size();
    if (n == 1) {
      line.intercept = sorted[0];
      return line;
    }
    for (std::size_t i = 0; i < n; ++i) {
      slopes.clear();
      for (std::size_t j = 0; j < n; ++j) {
        if (j == i) continue;
        slopes.push_back((sorted[j] - sorted[i]) /
                         (static_cast<double>(j) - static_cast<double>(i)));
      }
      middles[i] = Middle(&slopes);
    }
    line.slope = Middle(&middles);
    slopes = sorted;
    line.intercept =
        Middle(&slopes) - line.slope * 0.5 * static_cast<double>(n - 1);
    slopes.clear();
    double least = std::fabs(sorted[0] - line.At(0));
    for (std::size_t k = 0; k < n; ++k) {
      slopes.push_back(std::fabs(sorted[k] - line.At(k)));
      least = std::min(least, slopes.back());
    }
    // The smallest residual is left out, as published.
    slopes.erase(std::find(slopes.begin(), slopes.end(), least));
    line.scale =
        kNormal * (1.0 + 5.0 / static_cast<double>(n - 1)) * Middle(&slopes);
    slopes.clear();
    for (const double value : sorted) slopes.push_back(std::fabs(value));
    line.scale += kRounding * Middle(&slopes);
    return line;
  }

  void Weigh(const Line& line, double lambda) {
    const auto n = static_cast<double>(values.size());
    const double bound = lambda * std::sqrt(2.0 / n);
    const double spread = n * (n * n - 1.0) / 12.0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double residual = std::fabs(sorted[k] - line.At(k));
      const double place = static_cast<double>(k) - 0.5 * (n - 1.0);
      const double leverage =
          1.0 / n + (spread > 0.0 ? place * place / spread : 0.0);
      const double reach =
          bound * std::sqrt(std::max(0.0, 1.0 - leverage)) * line.scale;
      weights[ranked[k]] = residual <= reach ? 1.0 : reach / residual;
    }
  }

 private:
  static double Middle(std::vector<double>* some) {
    const std::size_t half = some->size() / 2;
    const auto middle = some->begin() + static_cast<std::ptrdiff_t>(half);
    std::nth_element(some->begin(), middle, some->end());
    if (some->size() % 2 == 1) return *middle;
    return 0.5 * *middle + 0.5 * *std::max_element(some->begin(), middle);
  }
};

class ResidualReweighting final : public Aggregator {
 public:
  explicit ResidualReweighting(config::Section& section)
      : lambda_(section.Real(
            {.name = "lambda",
             .help = "Width of the band around the line in which a value has "
                     "full confidence."},
            2.0,
            {.min = 0.0, .open_min = true})),
        threshold_(section.Real(
            {.name = "threshold",
             .help = "Confidence below which a value is put on the line.",
             .aliases = {"thresh"}},
            0.1,
            {.min = 0.0, .max = 1.0})) {}

  Result Aggregate(const Inputs& inputs, const Context&) const override {
    Result result;
    result.vector.resize(static_cast<std::size_t>(inputs.dimension()));
    inputs.table().Visit([&](auto rows) { All(rows, &result); });
    return result;
  }

 private:
  template <class Real>
  void All(std::span<const Real* const> rows, Result* result) const {
    const std::size_t n = rows.size();
    const auto dimension = static_cast<std::int64_t>(result->vector.size());
    const std::int64_t blocks = (dimension + kBlock - 1) / kBlock;
    std::vector<Line> lines(result->vector.size());
    Matrix sums(blocks, static_cast<std::int64_t>(n));
    const auto each = [&](std::int64_t block, const auto& body) {
      Column column(n);
      const std::int64_t last = std::min(dimension, (block + 1) * kBlock);
      for (std::int64_t k = block * kBlock; k < last; ++k) {
        for (std::size_t i = 0; i < n; ++i) {
          column.values[i] = static_cast<double>(rows[i][k]);
        }
        column.Sort();
        body(column, static_cast<std::size_t>(k));
      }
    };
    tbb::parallel_for(std::int64_t{0}, blocks, [&](std::int64_t block) {
      each(block, [&](Column& column, std::size_t k) {
        lines[k] = column.Fit();
        column.Weigh(lines[k], lambda_);
        const double deviation = SpreadOf(column.weights, 1).deviation;
        for (std::size_t i = 0; i < n; ++i) {
          sums.Row(block)[i] += column.weights[i] * deviation;
        }
      });
    });
    result->scores = Confidences(sums);
    tbb::parallel_for(std::int64_t{0}, blocks, [&](std::int64_t block) {
      each(block, [&](Column& column, std::size_t k) {
        column.Weigh(lines[k], lambda_);
        double sum = 0.0;
        for (std::size_t rank = 0; rank < n; ++rank) {
          const std::size_t i = column.ranked[rank];
          sum += result->scores[i] * (column.weights[i] >= threshold_
                                          ? column.values[i]
                                          : lines[k].At(rank));
        }
        result->vector[k] = sum;
      });
    });
  }

  // One weight a row, of sum 1.
  static std::vector<double> Confidences(const Matrix& sums) {
    std::vector<double> weights(static_cast<std::size_t>(sums.columns()));
    for (std::int64_t block = 0; block < sums.rows(); ++block) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] += sums.Row(block)[i];
      }
    }
    const double largest = *std::max_element(weights.begin(), weights.end());
    double total = 0.0;
    for (double& weight : weights) {
      // Where no coordinate tells clients apart, all count the same.
      weight = largest > 0.0 ? weight / largest : 1.0;
      weight *= weight;
      total += weight;
    }
    for (double& weight : weights) weight /= total;
    return weights;
  }

  double lambda_;
  double threshold_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<ResidualReweighting>(section);
}

}  // namespace

extern const Kind kResidualReweighting;
constinit const Kind kResidualReweighting{
    .name = "residual_reweighting",
    .summary =
        "Weighs clients by how near their values stay to a robust line "
        "through the sorted values of every coordinate.",
    .source = "Fu, Xie, Li, Chen 2019, algorithm 1",
    .preconditions = "n >= 1; holds out against f of n >= 2f + 2",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
