#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

/// Makes the rule of a config text such as "median".
std::unique_ptr<Aggregator> FromText(const std::string& text);

/// Owns the updates that a table views.
struct Updates {
  std::int64_t dimension = 0;
  std::vector<std::vector<float>> rows;
  std::vector<double> weights;

  /// Copies the rows into one table; valid while this object is unchanged.
  UpdateTable Table();

 private:
  std::vector<float> flat_;
};

/// Draws rows of multiples of 2^-10 in (-8, 8), which stay exact when small
/// numbers are added or multiplied by powers of two, with positive weights of
/// sum 1.
Updates DrawUpdates(std::uint64_t seed,
                    std::int64_t rows,
                    std::int64_t dimension);

/// Returns the aggregate's vector.
std::vector<double> VectorOf(const Aggregator& rule, Updates updates);

}  // namespace fedtorch::aggregate
