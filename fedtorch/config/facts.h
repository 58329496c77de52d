#pragma once

#include "fedtorch/config/state.h"

#include <string>
#include <vector>

namespace fedtorch::config {

/// Tells whether the user may leave a key out.
bool MayBeLeftOut(const DocumentState& state, const AskedKey& key);
/// Tells whether a recorded section, or the kind of that number in it, can be
/// read with no keys given (of a kind: none but its name).
bool NeedsNoKeys(const DocumentState& state, const OpenedSection& section);
bool KindNeedsNoKeys(const DocumentState& state,
                     const OpenedSection& section,
                     std::size_t variant);

/// Formats the default of a key as YAML; "required" where there is none.
std::string FormatFallback(const DocumentState& state, const AskedKey& key);

/// Lists the recorded keys in reading order.
std::vector<KeyFacts> FactsOf(const DocumentState& state);
/// Formats the recorded keys as tables, one a section and one a kind.
std::string MarkdownOf(const DocumentState& state);

}  // namespace fedtorch::config
