#include "fedtorch/aggregate/aggregator.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <utility>

namespace fedtorch::aggregate {

Tolerance Tolerance::Read(config::Section& section) {
  return Tolerance(section.AutoInt(
      {.name = "f",
       .help = "Adversaries it tolerates; auto = attack.declared_f.",
       .unit = "clients",
       .aliases = {"num_byzantine", "nb_byz"}},
      {.min = 0}));
}

std::int64_t Tolerance::Of(const Context& context) const {
  return std::max<std::int64_t>(0, f_.value_or(context.f) - context.masked);
}

std::string Aggregator::Obstacle(std::int64_t /*n*/, Adversaries /*f*/) const {
  return {};
}

std::optional<Combination> Aggregator::Combine(
    const Geometry& /*geometry*/,
    const Inputs& /*inputs*/,
    const Context& /*context*/) const {
  return std::nullopt;
}

Result Aggregator::Aggregate(const Inputs& inputs,
                             const Context& context) const {
  const std::vector<std::vector<double>> references =
      References(inputs, context);
  std::vector<std::span<const double>> views(references.begin(),
                                             references.end());
  const Inputs all = references.empty() ? inputs : inputs.WithReferences(views);
  std::optional<Combination> combination =
      Combine(all.geometry(), all, context);
  FEDTORCH_CHECK(combination.has_value(),
                 "a rule overrides Combine or Aggregate");
  Result result;
  result.vector = all.Combine(combination->coefficients);
  result.scores = std::move(combination->scores);
  result.diagnostics = std::move(combination->diagnostics);
  // Rows that count are those with a coefficient, through all mixtures.
  std::vector<double> base(static_cast<std::size_t>(inputs.num_base_rows()));
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    const double factor =
        combination->coefficients[static_cast<std::size_t>(i)];
    if (factor == 0.0) continue;
    const std::vector<double> row = inputs.BaseCoefficients(i);
    for (std::size_t k = 0; k < base.size(); ++k) base[k] += factor * row[k];
  }
  for (std::size_t k = 0; k < base.size(); ++k) {
    if (base[k] != 0.0) result.kept.push_back(static_cast<std::int64_t>(k));
  }
  return result;
}

void Aggregator::Remember(const Inputs& /*inputs*/,
                          const Context& /*context*/,
                          const Result& /*result*/) {}

}  // namespace fedtorch::aggregate
