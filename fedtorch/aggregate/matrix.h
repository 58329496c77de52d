#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Holds a small dense matrix of float64, row-major: Gram matrices and the
/// coefficients of mixtures, at most cohort by cohort.
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::int64_t rows, std::int64_t columns)
      : rows_(rows),
        columns_(columns),
        values_(static_cast<std::size_t>(rows * columns)) {}

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  double& operator()(std::int64_t row, std::int64_t column) {
    return values_[static_cast<std::size_t>(row * columns_ + column)];
  }
  double operator()(std::int64_t row, std::int64_t column) const {
    return values_[static_cast<std::size_t>(row * columns_ + column)];
  }
  std::span<double> Row(std::int64_t row) {
    return std::span(values_).subspan(static_cast<std::size_t>(row * columns_),
                                      static_cast<std::size_t>(columns_));
  }
  std::span<const double> Row(std::int64_t row) const {
    return std::span(values_).subspan(static_cast<std::size_t>(row * columns_),
                                      static_cast<std::size_t>(columns_));
  }
  std::span<const double> values() const { return values_; }
  std::span<double> values() { return values_; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t columns_ = 0;
  std::vector<double> values_;
};

}  // namespace fedtorch::aggregate
