#pragma once

#include <string>
#include <vector>

namespace fedtorch::docs {

/// Returns what a program with these arguments prints on stdout; its stderr
/// goes to that of the test. `variable` is the name of the environment variable
/// that holds the program's path: FEDTORCH_FEDRUN for fedrun.
/// Throws: std::runtime_error when the variable is not set or the exit code is
/// not 0.
std::string OutputOf(const char* variable,
                     const std::vector<std::string>& arguments);

}  // namespace fedtorch::docs
