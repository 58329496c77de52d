#include "fedtorch/aggregate/pipeline.h"

#include "fedtorch/core/errors.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace fedtorch::aggregate {
namespace {

// Squares of larger float64 values leave the numbers.
constexpr double kLargest = 1e150;

std::string StagePrefix(std::size_t index) {
  return "pre" + std::to_string(index) + "/";
}

void Prefix(const std::string& prefix, const State& from, State* to) {
  for (const auto& [name, values] : from) (*to)[prefix + name] = values;
}

State TakePrefixed(const std::string& prefix, const State& from) {
  State state;
  for (const auto& [name, values] : from) {
    if (name.rfind(prefix, 0) == 0) state[name.substr(prefix.size())] = values;
  }
  return state;
}

}  // namespace

std::vector<std::int64_t> FiniteRows(const UpdateTable& table) {
  const std::int64_t count = table.num_rows();
  std::vector<char> finite(static_cast<std::size_t>(count), 1);
  if (!table.all_finite) {
    table.Visit([&](auto rows) {
      tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
        for (std::int64_t k = 0; k < table.dimension; ++k) {
          // False for NaN as well.
          if (!(std::fabs(static_cast<double>(rows[i][k])) <= kLargest)) {
            finite[i] = 0;
            return;
          }
        }
      });
    });
  }
  std::vector<std::int64_t> result;
  for (std::int64_t i = 0; i < count; ++i) {
    if (finite[static_cast<std::size_t>(i)] != 0) result.push_back(i);
  }
  return result;
}

Pipeline::Pipeline(std::vector<std::unique_ptr<pre::PreAggregator>> stages,
                   std::unique_ptr<Aggregator> rule,
                   Reduction reduction)
    : stages_(std::move(stages)),
      rule_(std::move(rule)),
      reduction_(reduction) {}

Pipeline Pipeline::Read(config::Section& server) {
  Pipeline pipeline;
  bool known = true;
  const auto pre_kinds = pre::AllKinds();
  std::vector<config::KindFacts> facts;
  for (const pre::Kind* kind : pre_kinds) {
    facts.push_back(
        {kind->name, kind->summary, kind->source, [kind](config::Section& one) {
           kind->make(one);
         }});
  }
  for (config::Section& section :
       server.Children({.name = "pre_aggregators",
       .help = "What happens to the updates before the rule, in order."})) {
    const auto index = section.ChooseKindHere(facts, std::nullopt);
    if (!index) {
      known = false;
      continue;
    }
    pipeline.stages_.push_back(pre_kinds[*index]->make(section));
  }
  const auto kinds = AllKinds();
  facts.clear();
  for (const Kind* kind : kinds) {
    facts.push_back(
        {kind->name, kind->summary, kind->source, [kind](config::Section& one) {
           kind->make(one);
         }});
  }
  // The trait of the kind is needed beside the object, so the choice is made
  // by hand here.
  const auto chosen = server.ChooseKind(
      {.name = "aggregator", .help = "The rule that joins the updates."},
      facts,
      "mean");
  if (chosen.index) {
    auto rule = kinds[*chosen.index]->make(*chosen.section);
    pipeline.reduction_ = kinds[*chosen.index]->reduction;
    if (known) pipeline.rule_ = std::move(rule);
  }
  return pipeline;
}

bool Pipeline::needs_declared_f() const {
  return rule_->needs_declared_f() ||
         std::any_of(stages_.begin(), stages_.end(), [](const auto& stage) {
           return stage->needs_declared_f();
         });
}

bool Pipeline::needs_server_data() const { return rule_->needs_server_data(); }

std::string Pipeline::Obstacle(std::int64_t n, Adversaries f) const {
  for (const auto& stage : stages_) {
    std::string obstacle = stage->Obstacle(n, f);
    if (!obstacle.empty()) return obstacle;
    n = stage->NumOutputs(n);
  }
  return rule_->Obstacle(n, f);
}

namespace {

// The rows that count, and the context that knows how many do not.
struct Prepared {
  std::vector<std::int64_t> finite;
  Context context;
};

Prepared Prepare(const UpdateTable& table, const Context& context) {
  Prepared prepared{FiniteRows(table), context};
  const auto masked =
      table.num_rows() - static_cast<std::int64_t>(prepared.finite.size());
  prepared.context.masked += masked;
  if (prepared.finite.empty()) {
    throw core::RunError("none of the " + std::to_string(table.num_rows()) +
                         " updates is finite; there is nothing to join");
  }
  return prepared;
}

}  // namespace

Result Pipeline::Aggregate(const UpdateTable& table,
                           const Context& context) const {
  const Prepared prepared = Prepare(table, context);
  return Run(prepared.finite, table, prepared.context, nullptr);
}

Result Pipeline::AggregateAndRemember(const UpdateTable& table,
                                      const Context& context) {
  const Prepared prepared = Prepare(table, context);
  std::vector<Inputs> seen;
  const Result result = Run(prepared.finite, table, prepared.context, &seen);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    stages_[i]->Remember(seen[i], prepared.context);
  }
  rule_->Remember(seen.back(), prepared.context, result);
  return result;
}

Result Pipeline::Run(std::span<const std::int64_t> finite,
                     const UpdateTable& table,
                     const Context& context,
                     std::vector<Inputs>* seen) const {
  const std::string obstacle = Obstacle(
      static_cast<std::int64_t>(finite.size()), {context.f, context.masked});
  if (!obstacle.empty()) throw core::RunError(obstacle);
  Inputs inputs(table, finite);
  for (const auto& stage : stages_) {
    if (seen != nullptr) seen->push_back(inputs);
    inputs = inputs.Mixed(stage->Mix(inputs, context));
  }
  if (seen != nullptr) seen->push_back(inputs);
  Result result = rule_->Aggregate(inputs, context);
  FEDTORCH_CHECK(std::all_of(result.vector.begin(),
                             result.vector.end(),
                             [](double value) { return std::isfinite(value); }),
                 "a rule left the finite numbers");
  return result;
}

std::optional<std::vector<double>> Pipeline::Coefficients(
    const Inputs& inputs, const Context& context) const {
  Inputs mixed = inputs;
  Matrix through;  // [mixed, inputs]
  bool identity = true;
  for (const auto& stage : stages_) {
    const Matrix step = stage->Mix(mixed, context);
    if (identity) {
      through = step;
    } else {
      Matrix next(step.rows(), through.columns());
      for (std::int64_t i = 0; i < step.rows(); ++i) {
        for (std::int64_t j = 0; j < step.columns(); ++j) {
          const double factor = step(i, j);
          if (factor == 0.0) continue;
          for (std::int64_t k = 0; k < through.columns(); ++k) {
            next(i, k) += factor * through(j, k);
          }
        }
      }
      through = std::move(next);
    }
    identity = false;
    mixed = mixed.Mixed(step);
  }
  if (!rule_->References(mixed, context).empty()) return std::nullopt;
  const auto combination = rule_->Combine(mixed.geometry(), mixed, context);
  if (!combination) return std::nullopt;
  if (identity) return combination->coefficients;
  std::vector<double> coefficients(static_cast<std::size_t>(through.columns()));
  for (std::int64_t i = 0; i < through.rows(); ++i) {
    const double factor =
        combination->coefficients[static_cast<std::size_t>(i)];
    if (factor == 0.0) continue;
    for (std::int64_t k = 0; k < through.columns(); ++k) {
      coefficients[static_cast<std::size_t>(k)] += factor * through(i, k);
    }
  }
  return coefficients;
}

State Pipeline::SaveState() const {
  State state;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    Prefix(StagePrefix(i), stages_[i]->SaveState(), &state);
  }
  Prefix("rule/", rule_->SaveState(), &state);
  return state;
}

void Pipeline::LoadState(const State& state) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    stages_[i]->LoadState(TakePrefixed(StagePrefix(i), state));
  }
  rule_->LoadState(TakePrefixed("rule/", state));
}

}  // namespace fedtorch::aggregate
