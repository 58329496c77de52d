#pragma once

#include <string>
#include <string_view>

namespace fedtorch::study {

/// What an axis of a sweep stands for in a report.
enum class AxisRole {
  kDefence,        ///< server.aggregator..., server.pre_aggregators...
  kAttack,         ///< attack...
  kByzantine,      ///< number or share of attackers, declared f
  kHeterogeneity,  ///< data.partition...
  kSeed,           ///< seed, data.partition.seed
  kSetting,        ///< everything else: a hyper-parameter
};

/// Recognises an axis by its key.
AxisRole RoleOf(std::string_view key);

/// Shortens a value in YAML flow syntax: {name: dirichlet, alpha: 0.1} becomes
/// dirichlet(alpha=0.1), [{name: clip}, {name: nnm}] becomes clip+nnm, an empty
/// list "none"; a word or number stays.
std::string ValueLabel(const std::string& text);

}  // namespace fedtorch::study
