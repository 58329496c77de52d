#include "tests/aggregate/aggregate_case.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"

#include <cmath>

namespace fedtorch::aggregate {

std::unique_ptr<Aggregator> FromText(const std::string& text) {
  auto document =
      config::Document::FromText("aggregator: " + text, "aggregate_test.yaml");
  auto root = document.Root();
  auto rule = config::MakeKind(
      root, {.name = "aggregator", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return rule;
}

UpdateTable Updates::Table() {
  flat_.clear();
  for (const auto& row : rows) {
    flat_.insert(flat_.end(), row.begin(), row.end());
  }
  return {.rows = flat_,
          .num_rows = static_cast<std::int64_t>(rows.size()),
          .dimension = dimension,
          .weights = weights};
}

Updates DrawUpdates(std::uint64_t seed,
                    std::int64_t rows,
                    std::int64_t dimension) {
  core::Stream stream = core::Stream::Named(seed, "updates");
  Updates updates;
  updates.dimension = dimension;
  double sum = 0.0;
  for (std::int64_t i = 0; i < rows; ++i) {
    std::vector<float>& row = updates.rows.emplace_back();
    for (std::int64_t j = 0; j < dimension; ++j) {
      const double value = std::ldexp(std::round(stream.Normal() * 1024), -10);
      row.push_back(static_cast<float>(std::fmin(std::fmax(value, -7.0), 7.0)));
    }
    updates.weights.push_back(0.1 + stream.Uniform());
    sum += updates.weights.back();
  }
  for (double& weight : updates.weights) weight /= sum;
  return updates;
}

std::vector<double> VectorOf(const Aggregator& rule, Updates updates) {
  return rule.Aggregate(updates.Table()).vector;
}

}  // namespace fedtorch::aggregate
