#pragma once

#include "fedtorch/config/value.h"

#include <string>
#include <vector>

namespace fedtorch::config {

/// Reads a YAML document into values with places. What YAML allows and we do
/// not (keys given twice, merge keys, tags, keys that are not words) is added
/// to `problems` and left out of the result. An empty document is null.
/// Throws: ConfigError when the text is not UTF-8 or not YAML.
Value ParseYaml(const std::string& text,
                const std::string& name,
                std::vector<core::Problem>* problems);

/// Reads one value in YAML flow syntax, such as 3, [1, 2] or {name: krum};
/// all its places become `place`.
/// Throws: ConfigError when the text is not one such value.
Value ParseFlowValue(const std::string& text,
                     const core::Place& place,
                     std::vector<core::Problem>* problems);

/// Returns the offset of the first byte that is not UTF-8, or npos.
std::size_t FindInvalidUtf8(std::string_view text);

}  // namespace fedtorch::config
