#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/pipeline.h"
#include "tests/support/golden_inputs.h"

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

using support::InputA;
using support::InputB;
using support::InputC;

/// Views float64 rows, which must live longer.
UpdateTable TableOf(const std::vector<std::vector<double>>& rows);

/// Makes a whole defence of config texts, e.g. {"{name: nnm, f: 1}"} and
/// "{name: krum, f: 1}".
Pipeline PipelineFrom(const std::vector<std::string>& stages,
                      const std::string& rule);

/// Joins float64 rows by a rule alone.
Result ResultOf(const std::string& rule,
                const std::vector<std::vector<double>>& rows,
                const Context& context = {});

/// Returns the aggregate's vector.
std::vector<double> VectorOf(const Aggregator& rule, Updates updates);

}  // namespace fedtorch::aggregate
