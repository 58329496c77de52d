#pragma once

#include "fedtorch/aggregate/geometry.h"
#include "fedtorch/aggregate/matrix.h"
#include "fedtorch/aggregate/update_table.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Holds what a rule is given: vectors that are rows of a table, or mixtures of
/// them made by pre-aggregators. A mixture is kept as coefficients; its values
/// are computed only for a rule that asks for them.
///
/// Copies share what was computed. Threads: one caller; parallel inside, same
/// bits on any number of threads.
class Inputs {
 public:
  /// Views all rows of `table`, whose values must live longer.
  explicit Inputs(const UpdateTable& table);
  /// Views the named rows only. Nothing reads the values of the others, which
  /// may be anything: one that is not a number would spoil all inner products.
  Inputs(const UpdateTable& table, std::span<const std::int64_t> rows);

  /// Keeps the named inputs only.
  Inputs Select(std::span<const std::int64_t> rows) const;
  /// Returns inputs y'_i = sum_j coefficients(i, j) y_j. Weights are equal
  /// afterwards; client ids stay where the number of inputs does.
  Inputs Mixed(const Matrix& coefficients) const;
  /// Adds vectors [d] that are not inputs but that distances are measured to;
  /// they must live longer. Geometry and Combine count them behind the inputs.
  Inputs WithReferences(
      const std::vector<std::span<const double>>& references) const;

  std::int64_t size() const;
  std::int64_t num_references() const;
  std::int64_t dimension() const;
  double weight(std::int64_t input) const;
  std::int64_t client(std::int64_t input) const;
  bool is_double() const;
  /// Whether every input is a row of the table as it is.
  bool is_plain() const;
  /// How input `input` is made of the rows of the table it began with.
  std::vector<double> BaseCoefficients(std::int64_t input) const;
  std::int64_t num_base_rows() const;

  /// Inner products of inputs and references. Cost: O(n^2 d) the first time,
  /// O(n^3) after Mixed.
  const Geometry& geometry() const;
  /// The values of all inputs, without references. Cost: none where the inputs
  /// are plain; O(n^2 d) and their memory, once, after Mixed.
  const UpdateTable& table() const;
  /// Returns sum_i coefficients[i] y_i [d] in float64; `coefficients` has one
  /// entry an input and reference. Cost: O(nd).
  std::vector<double> Combine(std::span<const double> coefficients) const;

 private:
  struct Base;
  struct Cache;
  Inputs() = default;
  const Matrix& Gram() const;  // of the base

  std::shared_ptr<const Base> base_;
  std::vector<std::int64_t> picks_;  // rows of the base, where inputs are plain
  Matrix coefficients_;              // [size, base rows], where they are not
  bool plain_ = true;
  std::vector<double> weights_;        // [size]
  std::vector<std::int64_t> clients_;  // [size]
  std::shared_ptr<Cache> cache_;       // of these inputs
};

}  // namespace fedtorch::aggregate
