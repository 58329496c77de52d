#pragma once

#include "fedtorch/config/document.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace fedtorch::config {

/// Computes the optimal string alignment distance, ignoring case: insertions,
/// deletions, substitutions and transpositions of neighbours cost 1 each.
std::size_t EditDistance(std::string_view left, std::string_view right);

/// Returns the largest distance at which a name counts as meant by `word`.
std::size_t SuggestionLimit(std::string_view word);

}  // namespace fedtorch::config
