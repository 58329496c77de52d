#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fedtorch::aggregate {

/// Says that the rule `name` needs n > 2f where it does not hold, naming n and
/// f; empty where it does.
std::string HonestMajorityObstacle(std::string_view name,
                                   std::int64_t n,
                                   std::int64_t f);

}  // namespace fedtorch::aggregate
