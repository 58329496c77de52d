#include "fedtorch/aggregate/inner_rule.h"

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

constexpr std::string_view kPrefix = "rule/";

}  // namespace

InnerRule InnerRule::Read(config::Section& section) {
  InnerRule inner;
  inner.rule_ = config::MakeKind(
      section,
      {.name = "rule", .help = "The rule that joins the updates let pass."},
      AllKinds(),
      "mean");
  return inner;
}

std::vector<std::int64_t> InnerRule::Admit(std::span<const std::int64_t> order,
                                           std::int64_t count,
                                           std::int64_t f) const {
  const auto n = static_cast<std::int64_t>(order.size());
  count = std::max<std::int64_t>(1, count);
  while (count < n && !rule_->Obstacle(count, f).empty()) ++count;
  std::vector<std::int64_t> rows(order.begin(), order.begin() + count);
  std::sort(rows.begin(), rows.end());
  return rows;
}

Result InnerRule::Aggregate(const Inputs& inputs,
                            std::span<const std::int64_t> rows,
                            const Context& context) const {
  Result result = rule_->Aggregate(inputs.Select(rows), context);
  if (!result.kept.empty()) return result;
  // The rule chooses none, but the filter has.
  std::vector<char> entered(static_cast<std::size_t>(inputs.num_base_rows()));
  for (const std::int64_t row : rows) {
    const std::vector<double> base = inputs.BaseCoefficients(row);
    for (std::size_t k = 0; k < base.size(); ++k) {
      if (base[k] != 0.0) entered[k] = 1;
    }
  }
  for (std::size_t k = 0; k < entered.size(); ++k) {
    if (entered[k] != 0) result.kept.push_back(static_cast<std::int64_t>(k));
  }
  return result;
}

void InnerRule::Remember(const Inputs& inputs,
                         std::span<const std::int64_t> rows,
                         const Context& context) {
  const Inputs selected = inputs.Select(rows);
  const Result result = rule_->Aggregate(selected, context);
  rule_->Remember(selected, context, result);
}

void InnerRule::SaveState(State* state) const {
  for (const auto& [name, values] : rule_->SaveState()) {
    (*state)[std::string(kPrefix) + name] = values;
  }
}

void InnerRule::LoadState(const State& state) {
  State own;
  for (const auto& [name, values] : state) {
    if (name.rfind(kPrefix, 0) == 0) own[name.substr(kPrefix.size())] = values;
  }
  rule_->LoadState(own);
}

}  // namespace fedtorch::aggregate
