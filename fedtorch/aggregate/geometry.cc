#include "fedtorch/aggregate/geometry.h"

#include "fedtorch/core/errors.h"

#include <algorithm>

namespace fedtorch::aggregate {

Geometry::Geometry(const Matrix& base, std::span<const std::int64_t> picks)
    : centred_(static_cast<std::int64_t>(picks.size()),
               static_cast<std::int64_t>(picks.size())),
      towards_(picks.size()),
      sums_(picks.size(), 1.0) {
  const std::int64_t last = base.rows() - 1;
  centre_ = base(last, last);
  for (std::int64_t i = 0; i < size(); ++i) {
    const std::int64_t row = picks[static_cast<std::size_t>(i)];
    towards_[static_cast<std::size_t>(i)] = base(row, last);
    for (std::int64_t j = 0; j < size(); ++j) {
      centred_(i, j) = base(row, picks[static_cast<std::size_t>(j)]);
    }
  }
}

Geometry::Geometry(const Matrix& base, const Matrix& coefficients)
    : centred_(coefficients.rows(), coefficients.rows()),
      towards_(static_cast<std::size_t>(coefficients.rows())),
      sums_(static_cast<std::size_t>(coefficients.rows())) {
  const std::int64_t last = base.rows() - 1;
  FEDTORCH_CHECK(coefficients.columns() == last, "one coefficient a row");
  centre_ = base(last, last);
  const std::int64_t m = coefficients.rows();
  Matrix half(m, last);  // coefficients * base
  for (std::int64_t i = 0; i < m; ++i) {
    const auto out = half.Row(i);
    double towards = 0.0;
    double sum = 0.0;
    for (std::int64_t k = 0; k < last; ++k) {
      const double factor = coefficients(i, k);
      if (factor == 0.0) continue;
      sum += factor;
      towards += factor * base(k, last);
      const auto row = base.Row(k);
      for (std::size_t l = 0; l < out.size(); ++l) out[l] += factor * row[l];
    }
    towards_[static_cast<std::size_t>(i)] = towards;
    sums_[static_cast<std::size_t>(i)] = sum;
  }
  for (std::int64_t i = 0; i < m; ++i) {
    const auto left = half.Row(i);
    for (std::int64_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      const auto right = coefficients.Row(j);
      for (std::size_t k = 0; k < left.size(); ++k) sum += left[k] * right[k];
      centred_(i, j) = centred_(j, i) = sum;
    }
  }
}

double Geometry::Dot(std::int64_t i, std::int64_t j) const {
  const auto a = static_cast<std::size_t>(i);
  const auto b = static_cast<std::size_t>(j);
  return centred_(i, j) + sums_[b] * towards_[a] + sums_[a] * towards_[b] +
         sums_[a] * sums_[b] * centre_;
}

double Geometry::SquaredNorm(std::int64_t i) const {
  return std::max(0.0, Dot(i, i));
}

double Geometry::SquaredDistance(std::int64_t i, std::int64_t j) const {
  if (i == j) return 0.0;
  const auto a = static_cast<std::size_t>(i);
  const auto b = static_cast<std::size_t>(j);
  const double shift = sums_[a] - sums_[b];
  const double distance =
      (centred_(i, i) - centred_(i, j)) + (centred_(j, j) - centred_(i, j)) +
      2.0 * shift * (towards_[a] - towards_[b]) + shift * shift * centre_;
  return std::max(0.0, distance);
}

double Geometry::SquaredDistance(std::span<const double> a,
                                 std::int64_t i) const {
  std::vector<double> difference(a.begin(), a.end());
  difference[static_cast<std::size_t>(i)] -= 1.0;
  return SquaredLength(difference);
}

double Geometry::SquaredDistance(std::span<const double> a,
                                 std::span<const double> b) const {
  std::vector<double> difference(a.begin(), a.end());
  for (std::size_t k = 0; k < b.size(); ++k) difference[k] -= b[k];
  return SquaredLength(difference);
}

double Geometry::SquaredLength(std::span<const double> a) const {
  FEDTORCH_CHECK(static_cast<std::int64_t>(a.size()) == size(),
                 "one coefficient a vector");
  double squares = 0.0;
  double towards = 0.0;
  double sum = 0.0;
  for (std::int64_t i = 0; i < size(); ++i) {
    const double factor = a[static_cast<std::size_t>(i)];
    if (factor == 0.0) continue;
    double row = 0.0;
    for (std::int64_t j = 0; j < size(); ++j) {
      row += centred_(i, j) * a[static_cast<std::size_t>(j)];
    }
    squares += factor * row;
    towards += factor * towards_[static_cast<std::size_t>(i)];
    sum += factor * sums_[static_cast<std::size_t>(i)];
  }
  return std::max(0.0, squares + 2.0 * sum * towards + sum * sum * centre_);
}

std::vector<double> Geometry::SquaredDistances(
    std::span<const double> a) const {
  FEDTORCH_CHECK(static_cast<std::int64_t>(a.size()) == size(),
                 "one coefficient a vector");
  std::vector<double> products(a.size());  // of the mixture with each vector
  double squares = 0.0;
  double towards = 0.0;
  double sum = 0.0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    if (a[j] == 0.0) continue;
    const auto row = centred_.Row(static_cast<std::int64_t>(j));
    for (std::size_t i = 0; i < a.size(); ++i) products[i] += a[j] * row[i];
    towards += a[j] * towards_[j];
    sum += a[j] * sums_[j];
  }
  for (std::size_t j = 0; j < a.size(); ++j) squares += a[j] * products[j];
  std::vector<double> distances(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    if (a[i] > 0.5) {
      // A mixture of little else lies near; the difference of coefficients
      // keeps the digits of so short a way.
      distances[i] = SquaredDistance(a, row);
      continue;
    }
    const double shift = sum - sums_[i];
    distances[i] = std::max(
        0.0,
        (squares - products[i]) + (centred_(row, row) - products[i]) +
            2.0 * shift * (towards - towards_[i]) + shift * shift * centre_);
  }
  return distances;
}

Matrix Geometry::CentredGram(std::span<const std::int64_t> rows) const {
  const auto count = static_cast<std::int64_t>(rows.size());
  Matrix gram(count, count);
  std::vector<double> means(rows.size());
  // Products of what is left when the mean is off, in two passes: first the
  // products of differences to the first vector, which are small.
  const std::int64_t origin = rows.front();
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t a = rows[static_cast<std::size_t>(i)];
      const std::int64_t b = rows[static_cast<std::size_t>(j)];
      gram(i, j) = 0.5 * (SquaredDistance(a, origin) +
                          SquaredDistance(b, origin) - SquaredDistance(a, b));
    }
  }
  double total = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    double sum = 0.0;
    for (const double value : gram.Row(i)) sum += value;
    means[static_cast<std::size_t>(i)] = sum / static_cast<double>(count);
    total += means[static_cast<std::size_t>(i)];
  }
  total /= static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      gram(i, j) += total - means[static_cast<std::size_t>(i)] -
                    means[static_cast<std::size_t>(j)];
    }
  }
  return gram;
}

}  // namespace fedtorch::aggregate
