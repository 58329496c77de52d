#pragma once

#include <string>
#include <vector>

namespace fedtorch::docs {

/// Returns what a header lacks, one sentence each with its line: `#pragma
/// once`, or a `///` comment above a class, struct, enum, alias or function at
/// namespace level. Declarations on consecutive lines share the comment above
/// the first; forward declarations need none. Reads text, not C++: it expects
/// the layout of the repository's clang-format.
std::vector<std::string> HeaderProblems(const std::string& header);

}  // namespace fedtorch::docs
