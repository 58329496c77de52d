#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

/// Is the rule that a filter hands what it lets pass. State of the rule is
/// saved under "rule/".
class InnerRule {
 public:
  /// Reads the key `rule`; mean by default.
  static InnerRule Read(config::Section& section);

  const Aggregator& rule() const { return *rule_; }
  /// Returns the first `count` inputs of `order` (least suspicious first), or
  /// as many more as it takes, so that the rule can be served with `f`
  /// declared adversaries; ascending. Requires: it can be served with all.
  std::vector<std::int64_t> Admit(std::span<const std::int64_t> order,
                                  std::int64_t count,
                                  std::int64_t f) const;
  /// Joins the named inputs; `kept` are those, unless the rule chooses among
  /// them.
  Result Aggregate(const Inputs& inputs,
                   std::span<const std::int64_t> rows,
                   const Context& context) const;
  /// Lets the rule take over the named inputs, as it was given them.
  void Remember(const Inputs& inputs,
                std::span<const std::int64_t> rows,
                const Context& context);
  void SaveState(State* state) const;
  void LoadState(const State& state);

 private:
  std::unique_ptr<Aggregator> rule_;
};

}  // namespace fedtorch::aggregate
