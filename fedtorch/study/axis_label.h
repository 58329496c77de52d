#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

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

/// Labels the values of one axis by their texts; keys that all of them have
/// with the same value tell nothing apart and are left out: of {name: alie, n:
/// 4} and {name: ipm, n: 4} remain alie and ipm.
std::map<std::string, std::string> AxisLabels(
    const std::vector<std::string>& texts);

}  // namespace fedtorch::study
