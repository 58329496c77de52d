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
  UpdateTable table = UpdateTable::Of(std::span<const float>(flat_), dimension);
  if (dimension == 0) {
    // Rows without values are rows all the same.
    table.rows = std::vector<const float*>(rows.size(), nullptr);
  }
  table.weights = weights;
  return table;
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

UpdateTable TableOf(const std::vector<std::vector<double>>& rows) {
  UpdateTable table;
  table.dimension =
      rows.empty() ? 0 : static_cast<std::int64_t>(rows.front().size());
  std::vector<const double*> pointers;
  for (const auto& row : rows) pointers.push_back(row.data());
  table.rows = std::move(pointers);
  return table;
}

Pipeline PipelineFrom(const std::vector<std::string>& stages,
                      const std::string& rule) {
  std::string text = "server:\n  aggregator: " + rule + "\n";
  if (!stages.empty()) {
    text += "  pre_aggregators:\n";
    for (const std::string& stage : stages) text += "    - " + stage + "\n";
  }
  auto document = config::Document::FromText(text, "aggregate_test.yaml");
  auto root = document.Root();
  auto server = root.Child({.name = "server", .help = ""});
  Pipeline pipeline = Pipeline::Read(server);
  document.Finish();
  return pipeline;
}

Result ResultOf(const std::string& rule,
                const std::vector<std::vector<double>>& rows,
                const Context& context) {
  return PipelineFrom({}, rule).Aggregate(TableOf(rows), context);
}

std::vector<double> VectorOf(const Aggregator& rule, Updates updates) {
  return rule.Aggregate(Inputs(updates.Table()), {}).vector;
}

}  // namespace fedtorch::aggregate
