#pragma once

#include "fedtorch/config/state.h"

#include <optional>
#include <string>
#include <vector>

namespace fedtorch::config {

/// Describes what a key accepts, for messages: "an integer >= 1 or null".
std::string DescribeExpected(const AskedKey& key);
/// The same for one entry of a list.
std::string DescribeExpectedItem(const AskedKey& key);

/// Reads one scalar as a key wants it; on a mistake fills `error` with
/// expected against found.
std::optional<Scalar> ConvertScalar(const AskedKey& key,
                                    const Value& value,
                                    std::string* error);

/// Says what to do about a word that is none of the known ones: "; did you
/// mean 'x'?" or "; known values: a, b".
std::string AdviseOnUnknownValue(const std::string& word,
                                 const std::vector<std::string>& known);

/// Returns what a key is read as when the user's value cannot be used.
std::vector<Scalar> FallbackOrNeutral(const AskedKey& key);

/// Tells whether the default of a key is one that it accepts.
bool AcceptsFallback(const AskedKey& key);

}  // namespace fedtorch::config
