#pragma once

#include "fedtorch/fleet/select/selector.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::fleet::select {

/// Makes the selector of a config text such as "{name: weighted}".
std::unique_ptr<Selector> FromText(const std::string& text);

/// Returns the sample counts 1, 2, 3, 4, 5, 10, 20, 40, 80, 160 as shares.
std::vector<double> SteepShares();

std::vector<double> EqualShares(std::size_t clients);

/// Selects in rounds 1, 2, ... with seed 7.
std::vector<Cohort> SelectRounds(const Selector& selector,
                                 const std::vector<double>& shares,
                                 std::int64_t cohort_size,
                                 std::int64_t rounds);

/// Returns how often each client was drawn.
std::vector<double> Counts(const std::vector<Cohort>& cohorts,
                           std::size_t clients);

/// Returns sum (observed - expected)^2 / expected.
double ChiSquare(const std::vector<double>& observed,
                 const std::vector<double>& expected);

}  // namespace fedtorch::fleet::select
