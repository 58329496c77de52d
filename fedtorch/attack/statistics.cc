#include "fedtorch/attack/statistics.h"

#include "fedtorch/core/errors.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

constexpr std::size_t kBlock = 2048;

// Calls body(first, last) for parts of the coordinates.
template <class Body>
void ForParts(std::size_t dimension, const Body& body) {
  tbb::parallel_for(std::size_t{0},
                    (dimension + kBlock - 1) / kBlock,
                    [&](std::size_t block) {
                      body(block * kBlock,
                           std::min(dimension, (block + 1) * kBlock));
                    });
}

}  // namespace

std::vector<double> MeanOf(const aggregate::UpdateTable& table) {
  std::vector<double> mean(static_cast<std::size_t>(table.dimension));
  table.Visit([&](auto rows) {
    FEDTORCH_CHECK(!rows.empty(), "a mean of no rows");
    ForParts(mean.size(), [&](std::size_t first, std::size_t last) {
      for (const auto* row : rows) {
        for (std::size_t k = first; k < last; ++k) {
          mean[k] += static_cast<double>(row[k]);
        }
      }
      for (std::size_t k = first; k < last; ++k) {
        mean[k] /= static_cast<double>(rows.size());
      }
    });
  });
  return mean;
}

Statistics StatisticsOf(const aggregate::UpdateTable& table,
                        std::int64_t ddof) {
  Statistics result;
  result.mean = MeanOf(table);
  result.std.resize(result.mean.size());
  const std::int64_t divisor = table.num_rows() - ddof;
  if (divisor < 1) return result;
  table.Visit([&](auto rows) {
    ForParts(result.std.size(), [&](std::size_t first, std::size_t last) {
      for (const auto* row : rows) {
        for (std::size_t k = first; k < last; ++k) {
          const double off = static_cast<double>(row[k]) - result.mean[k];
          result.std[k] += off * off;
        }
      }
      for (std::size_t k = first; k < last; ++k) {
        result.std[k] = std::sqrt(result.std[k] / static_cast<double>(divisor));
      }
    });
  });
  return result;
}

std::int64_t ReadDdof(config::Section& section) {
  return section.Int({.name = "ddof",
                      .help = "What is taken off n in the divisor of the "
                              "standard deviation; libraries differ."},
                     1,
                     {.min = 0, .max = 1});
}

std::vector<double> NormsOf(const aggregate::UpdateTable& table) {
  const std::vector<double> origin(static_cast<std::size_t>(table.dimension));
  std::vector<double> norms = OffsetsOf(table, origin, {}).squares;
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

Offsets OffsetsOf(const aggregate::UpdateTable& table,
                  std::span<const double> point,
                  std::span<const double> direction) {
  Offsets offsets;
  const auto count = static_cast<std::size_t>(table.num_rows());
  offsets.squares.resize(count);
  offsets.along.resize(count);
  table.Visit([&](auto rows) {
    tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
      double square = 0.0;
      double along = 0.0;
      for (std::size_t k = 0; k < point.size(); ++k) {
        const double off = static_cast<double>(rows[i][k]) - point[k];
        square += off * off;
        if (!direction.empty()) along += off * direction[k];
      }
      offsets.squares[i] = square;
      offsets.along[i] = along;
    });
  });
  return offsets;
}

double NormOf(std::span<const double> vector) {
  double square = 0.0;
  for (const double value : vector) square += value * value;
  return std::sqrt(square);
}

}  // namespace fedtorch::attack
