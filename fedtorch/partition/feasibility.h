#pragma once

#include "fedtorch/partition/partitioner.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace fedtorch::partition {

/// Number of splits drawn before a minimum size is given up. Others retry for
/// ever: at alpha 0.05 with 100 clients and 50,000 samples a minimum of 10 was
/// not met in 2000 tries.
inline constexpr int kTries = 100;

/// Throws ConfigError "cannot partition by '<kind>': <detail>".
[[noreturn]] void ThrowInfeasible(std::string_view kind,
                                  const std::string& detail);

/// Checks what no draw can mend.
/// Throws: ConfigError when the data set is empty, num_clients is not given,
/// or num_clients * min_samples exceeds the number of samples.
void RequireRoom(const Input& input, std::string_view kind);

/// Calls draw(attempt), which makes a split and returns the size of its
/// smallest client, until that reaches min_samples; afterwards the last split
/// drawn is the one to keep. Stops after `kTries` attempts.
/// Throws: ConfigError that names the minimum, the best try, and `remedy`,
/// e.g. "raise alpha (now 0.05)".
void DrawUntilMinimum(
    const Input& input,
    std::string_view kind,
    std::string_view remedy,
    const std::function<std::int64_t(std::uint64_t attempt)>& draw);

/// Formats a real number for a message: the shortest text that reads back.
std::string Shortest(double value);

}  // namespace fedtorch::partition
