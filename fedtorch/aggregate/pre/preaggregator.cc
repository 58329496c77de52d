#include "fedtorch/aggregate/pre/preaggregator.h"

#include "fedtorch/core/kind_table.h"

namespace fedtorch::aggregate::pre {
namespace {

core::KindTable<Kind>& Table() {
  static core::KindTable<Kind> table(Kinds());
  return table;
}

}  // namespace

std::string PreAggregator::Obstacle(std::int64_t /*n*/,
                                    Adversaries /*f*/) const {
  return {};
}

void PreAggregator::Remember(const Inputs& /*inputs*/,
                             const Context& /*context*/) {}

std::span<const Kind* const> AllKinds() { return Table().All(); }

void Use(const Kind& kind) { Table().Use(kind); }

}  // namespace fedtorch::aggregate::pre
