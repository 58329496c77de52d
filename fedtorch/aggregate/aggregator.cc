#include "fedtorch/aggregate/aggregator.h"

#include "fedtorch/aggregate/chosen_rows.h"
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
  return Joined(all, std::move(*combination));
}

void Aggregator::Remember(const Inputs& /*inputs*/,
                          const Context& /*context*/,
                          const Result& /*result*/) {}

}  // namespace fedtorch::aggregate
