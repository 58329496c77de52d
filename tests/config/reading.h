#pragma once

#include "fedtorch/config/document.h"

#include <functional>
#include <string>
#include <vector>

namespace fedtorch::config {

using Reader = std::function<void(Section&)>;

/// Reads a text (named test.yml) with a reader and returns what is wrong, one
/// string a problem: "2:3 path: message", and "#1 path: message" for the first
/// override of the command line.
std::vector<std::string> ProblemsIn(
    const std::string& text,
    const Reader& read,
    const std::vector<std::string>& overrides = {});

/// Reads a text that is right, and returns its resolved form.
/// Throws: ConfigError when it is wrong.
std::string ResolvedFrom(const std::string& text,
                         const Reader& read,
                         const std::vector<std::string>& overrides = {});

/// Records what a reader asks for.
Document Recorded(const Reader& read);

}  // namespace fedtorch::config
