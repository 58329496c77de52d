#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace fedtorch::aggregate {

/// Views the updates of one round, one row a client. Rows are float in a run
/// and double where a rule is checked in float64; the code is the same. Nobody
/// modifies them. Threads: safe for readers.
struct UpdateTable {
  /// [n] pointers to rows of `dimension` values, in cohort order (ascending
  /// client id). Rows need not lie side by side.
  std::variant<std::vector<const float*>, std::vector<const double*>> rows;
  std::int64_t dimension = 0;
  /// [n] normalised weights, sum 1 unless weighting is unbiased; empty = equal.
  /// Robust rules ignore them: sample counts are what an attacker says.
  std::vector<double> weights;
  /// [n] persistent client ids; empty = row numbers.
  std::vector<std::int64_t> clients;
  /// Whether the caller knows every value to be finite.
  bool all_finite = false;

  /// Views `flat` [n, dimension], row-major. Requires: dimension >= 1, or no
  /// rows.
  template <class Real>
  static UpdateTable Of(std::span<const Real> flat, std::int64_t dimension) {
    UpdateTable table;
    table.dimension = dimension;
    std::vector<const Real*> pointers;
    const std::size_t width = static_cast<std::size_t>(dimension);
    for (std::size_t i = 0; width > 0 && i + width <= flat.size(); i += width) {
      pointers.push_back(flat.data() + i);
    }
    table.rows = std::move(pointers);
    return table;
  }

  std::int64_t num_rows() const {
    return std::visit(
        [](const auto& all) { return static_cast<std::int64_t>(all.size()); },
        rows);
  }
  std::int64_t client(std::int64_t row) const {
    return clients.empty() ? row : clients[static_cast<std::size_t>(row)];
  }
  double weight(std::int64_t row) const {
    return weights.empty() ? 1.0 / static_cast<double>(num_rows())
                           : weights[static_cast<std::size_t>(row)];
  }
  bool is_double() const { return rows.index() == 1; }

  /// Calls body(std::span<const Real* const>) with the rows in their type.
  template <class Body>
  decltype(auto) Visit(Body&& body) const {
    return std::visit(
        [&](const auto& all) -> decltype(auto) {
          return std::forward<Body>(body)(std::span(all));
        },
        rows);
  }
};

}  // namespace fedtorch::aggregate
