#include "fedtorch/aggregate/spectrum.h"

#include "fedtorch/core/errors.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <optional>

namespace fedtorch::aggregate {
namespace {

constexpr std::int64_t kMostDense = 128;
constexpr Eigen::Index kMostSteps = 160;
constexpr double kConverged = 1e-13;  // of the eigenvalue

Eigenpair Dense(const Eigen::MatrixXd& matrix) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  const Eigen::Index last = matrix.rows() - 1;
  Eigenpair pair;
  pair.value = std::max(0.0, solver.eigenvalues()(last));
  const Eigen::VectorXd top = solver.eigenvectors().col(last);
  pair.vector.assign(top.data(), top.data() + top.size());
  return pair;
}

// The Krylov space of a fixed start that favours no row.
std::optional<Eigenpair> Lanczos(const Eigen::MatrixXd& matrix) {
  const Eigen::Index size = matrix.rows();
  const Eigen::Index most = std::min(size, kMostSteps);
  Eigen::MatrixXd basis(size, most);
  Eigen::VectorXd diagonal(most);
  Eigen::VectorXd beside(most);
  Eigen::VectorXd next(size);
  for (Eigen::Index i = 0; i < size; ++i) {
    next(i) = std::sin(1.0 + static_cast<double>(i) * static_cast<double>(i));
  }
  next.normalize();
  for (Eigen::Index step = 0; step < most; ++step) {
    basis.col(step) = next;
    next = matrix * basis.col(step);
    diagonal(step) = next.dot(basis.col(step));
    const auto known = basis.leftCols(step + 1);
    // Twice is enough to keep the basis orthogonal.
    next -= known * (known.transpose() * next);
    next -= known * (known.transpose() * next);
    beside(step) = next.norm();
    const bool last = beside(step) <= kConverged || step + 1 == most;
    if (!last && step % 8 != 7) {
      next /= beside(step);
      continue;
    }
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> small;
    small.computeFromTridiagonal(diagonal.head(step + 1), beside.head(step));
    const double value = small.eigenvalues()(step);
    const Eigen::VectorXd part = small.eigenvectors().col(step);
    if (beside(step) * std::fabs(part(step)) <= kConverged * value ||
        step + 1 == size) {
      const Eigen::VectorXd top = (known * part).normalized();
      Eigenpair pair;
      pair.value = std::max(0.0, value);
      pair.vector.assign(top.data(), top.data() + top.size());
      return pair;
    }
    if (last) break;
    next /= beside(step);
  }
  return std::nullopt;
}

}  // namespace

Matrix SquaredDistances(const Geometry& geometry, std::int64_t n) {
  Matrix distances(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + 1; j < n; ++j) {
      distances(i, j) = distances(j, i) = geometry.SquaredDistance(i, j);
    }
  }
  return distances;
}

Matrix CentredProducts(const Matrix& squared_distances,
                       std::span<const std::int64_t> rows,
                       std::span<const double> shares) {
  const auto count = static_cast<std::int64_t>(rows.size());
  Matrix products(count, count);
  std::vector<double> means(rows.size());
  double total = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto from = squared_distances.Row(rows[i]);
    for (std::size_t j = 0; j < rows.size(); ++j) {
      means[i] += shares[j] * from[static_cast<std::size_t>(rows[j])];
    }
    total += shares[i] * means[i];
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto from = squared_distances.Row(rows[i]);
    const auto out = products.Row(static_cast<std::int64_t>(i));
    for (std::size_t j = 0; j < rows.size(); ++j) {
      out[j] = 0.5 * ((means[i] - from[static_cast<std::size_t>(rows[j])]) +
                      (means[j] - total));
    }
  }
  return products;
}

Eigenpair TopEigenpair(const Matrix& matrix) {
  FEDTORCH_CHECK(matrix.rows() >= 1 && matrix.rows() == matrix.columns(),
                 "eigenvalues of a square matrix");
  double scale = 0.0;
  for (const double value : matrix.values()) {
    scale = std::max(scale, std::fabs(value));
  }
  if (scale == 0.0) {
    Eigenpair pair;
    pair.vector.resize(static_cast<std::size_t>(matrix.rows()));
    pair.vector.front() = 1.0;
    return pair;
  }
  Eigen::MatrixXd scaled(matrix.rows(), matrix.rows());
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t j = 0; j < matrix.rows(); ++j) {
      scaled(i, j) = matrix(i, j) / scale;
    }
  }
  std::optional<Eigenpair> pair;
  if (matrix.rows() > kMostDense) pair = Lanczos(scaled);
  if (!pair) pair = Dense(scaled);
  pair->value *= scale;
  return *pair;
}

DirectedSpread LargestSpread(const Matrix& squared_distances,
                             std::span<const std::int64_t> rows,
                             std::span<const double> shares) {
  const Matrix products = CentredProducts(squared_distances, rows, shares);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<double> roots;
  for (const double share : shares) roots.push_back(std::sqrt(share));
  Matrix weighted(count, count);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      weighted(i, j) = roots[static_cast<std::size_t>(i)] *
                       roots[static_cast<std::size_t>(j)] * products(i, j);
    }
  }
  const Eigenpair top = TopEigenpair(weighted);
  DirectedSpread spread;
  spread.variance = top.value;
  spread.squares.resize(rows.size());
  if (top.value == 0.0) return spread;
  // The direction is sum_j sqrt(share_j) u_j (y_j - mean) / sqrt(variance).
  const double length = std::sqrt(top.value);
  for (std::int64_t i = 0; i < count; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      sum += products(i, static_cast<std::int64_t>(j)) / length * roots[j] *
             top.vector[j];
    }
    spread.squares[static_cast<std::size_t>(i)] = sum * sum;
  }
  return spread;
}

}  // namespace fedtorch::aggregate
