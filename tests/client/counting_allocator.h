#pragma once

#include <cstdint>

namespace fedtorch::client {

/// Returns how often this program has called operator new so far.
std::int64_t Allocations();

}  // namespace fedtorch::client
