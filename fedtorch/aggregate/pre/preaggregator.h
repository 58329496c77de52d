#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fedtorch::aggregate::pre {

/// Turns the vectors before a rule into others, each a weighted sum of those
/// it was given. Changes nothing. Randomness: streams of (context.seed, name of
/// the kind, round) only.
class PreAggregator {
 public:
  virtual ~PreAggregator() = default;
  /// Says why `n` inputs with `f` declared adversaries cannot be served, naming
  /// both; empty when they can.
  virtual std::string Obstacle(std::int64_t n, Adversaries f) const;
  virtual bool needs_declared_f() const { return false; }
  /// How many vectors come out of `n`, at least; most kinds keep the number.
  virtual std::int64_t NumOutputs(std::int64_t n) const { return n; }
  /// Returns the coefficients [outputs, inputs.size()], outputs >= 1.
  virtual Matrix Mix(const Inputs& inputs, const Context& context) const = 0;
  /// As in Aggregator; called with what Mix was given.
  virtual void Remember(const Inputs& inputs, const Context& context);
  virtual State SaveState() const { return {}; }
  virtual void LoadState(const State& state) { (void)state; }
};

/// Describes a kind; the name is the file stem in pre/kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<PreAggregator> (*make)(config::Section&);
};

/// As in aggregate.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::aggregate::pre
