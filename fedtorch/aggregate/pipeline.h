#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/pre/preaggregator.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

/// Is the whole defence of a server: rows that are not finite are set aside,
/// the rest goes through the pre-aggregators in their order, then the rule.
class Pipeline {
 public:
  Pipeline() = default;
  Pipeline(std::vector<std::unique_ptr<pre::PreAggregator>> stages,
           std::unique_ptr<Aggregator> rule,
           Reduction reduction);
  /// Reads `pre_aggregators` and `aggregator` of the server section. After an
  /// unknown name `valid` is false.
  static Pipeline Read(config::Section& server);

  bool valid() const { return rule_ != nullptr; }
  /// Whether updates may be added one by one: a sum without stages before it.
  bool streams() const {
    return reduction_ == Reduction::kStream && stages_.empty();
  }
  bool needs_declared_f() const;
  bool needs_server_data() const;
  /// Says why a cohort of `n` with `f` declared adversaries cannot be served;
  /// empty when it can.
  std::string Obstacle(std::int64_t n, Adversaries f) const;

  /// Joins the rows of `table`. Changes nothing, so that an attack may ask.
  /// `kept` and row numbers in the result count the rows of `table`.
  /// Throws: RunError when no row is finite, or when what is left cannot be
  /// served (the text of Obstacle).
  Result Aggregate(const UpdateTable& table, const Context& context) const;
  /// As Aggregate, and lets stateful stages take over what they saw.
  Result AggregateAndRemember(const UpdateTable& table, const Context& context);
  /// For an attack: the coefficients that rule and stages together give to
  /// inputs that are known to be finite; nullopt where a stage must see values
  /// or has references.
  std::optional<std::vector<double>> Coefficients(const Inputs& inputs,
                                                  const Context& context) const;

  State SaveState() const;
  void LoadState(const State& state);

 private:
  // `seen` receives what each stage and the rule were given; null = nobody
  // asks.
  Result Run(std::span<const std::int64_t> finite,
             const UpdateTable& table,
             const Context& context,
             std::vector<Inputs>* seen) const;

  std::vector<std::unique_ptr<pre::PreAggregator>> stages_;
  std::unique_ptr<Aggregator> rule_;
  Reduction reduction_ = Reduction::kTable;
};

/// Returns the rows of a table whose values are all finite, ascending.
std::vector<std::int64_t> FiniteRows(const UpdateTable& table);

}  // namespace fedtorch::aggregate
