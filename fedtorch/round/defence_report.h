#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/update_table.h"

#include <map>
#include <span>
#include <string>

namespace fedtorch::round {

/// Measures what a defence made of one round, by metric name, knowing who the
/// adversaries were (which the defence does not). With H the honest rows and mu
/// their mean:
///   aggregate/error     |F - mu| / |mu|
///   aggregate/kappa     |F - mu|^2 / mean over H of |x - mu|^2
///   aggregate/vn_ratio  sqrt(sum over H of |x - mu|^2 / (|H| - 1)) / |mu|
/// and, where the rule chose rows and left some out,
///   detection/precision  adversaries among the rows left out
///   detection/recall     adversaries that were left out
///   detection/kept       rows that were kept
/// What has no value (no honest row, nobody left out, no adversary) is absent.
/// `byzantine` [n]. Cost: two passes over the rows. Source: robustness 5, 6.
std::map<std::string, double> DefenceMetrics(
    const aggregate::UpdateTable& table,
    std::span<const char> byzantine,
    const aggregate::Result& result);

}  // namespace fedtorch::round
