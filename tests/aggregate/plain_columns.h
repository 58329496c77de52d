#pragma once

#include "fedtorch/aggregate/update_table.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate::plain {

/// What aggregate/columns.h computes, by the sorts of the standard library,
/// one column at a time.
std::vector<double> Medians(const UpdateTable& table, bool lower);
std::vector<double> TrimmedMeans(const UpdateTable& table, std::int64_t trim);
std::vector<double> MeansAround(const UpdateTable& table,
                                std::span<const double> centre,
                                std::int64_t count);

}  // namespace fedtorch::aggregate::plain
