#pragma once

#include <cstdint>
#include <string>

namespace fedtorch::record {

/// Returns the seconds since 1970-01-01T00:00:00Z of the system clock. Only
/// host-dependent files (never metrics.jsonl) may hold what it says.
std::int64_t UnixSeconds();
/// Formats a time as "2025-03-01T12:00:05Z".
std::string UtcText(std::int64_t unix_seconds);
/// Formats a time for the name of a folder: "20250301T120005".
std::string UtcStamp(std::int64_t unix_seconds);

}  // namespace fedtorch::record
