#pragma once

#include "fedtorch/config/section.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace fedtorch::config {

/// Holds one value after it was read: null, boolean, integer, number or text.
using Scalar =
    std::variant<std::monostate, bool, std::int64_t, double, std::string>;

/// Reads `-?(0|[1-9][0-9]*)`; nullopt for anything else or beyond 64 bits.
std::optional<std::int64_t> ParseInteger(std::string_view text);
/// Reads a decimal number without leading zeros, such as 1, .5, 2. or 1e-3;
/// nullopt for anything else and for what a double cannot hold.
std::optional<double> ParseReal(std::string_view text);
/// Tells whether a YAML 1.1 or 1.2 reader would take a plain scalar for
/// something else than text (a number, a boolean, null, a date, ...).
bool LooksLikeData(std::string_view text);
/// Tells whether our reader takes a plain scalar for a number or a boolean.
bool IsNumberOrBoolean(std::string_view text);

/// Returns what the user probably meant by a plain scalar that is not an
/// integer, e.g. "; write 1000" for 1e3, or "".
std::string IntegerHint(std::string_view text);
/// The same for a number.
std::string RealHint(std::string_view text);
/// The same for a boolean, e.g. "; write true" for yes.
std::string BooleanHint(std::string_view text);

/// Formats a number in the shortest form that reads back to the same bits.
std::string FormatReal(double value);

/// Tells whether a range holds a value; none holds an infinite one or NaN.
bool Contains(const IntRange& range, std::int64_t value);
bool Contains(const RealRange& range, double value);
/// Formats a range: ">= 1", "in (0, 1]", "" when everything is allowed.
std::string FormatRange(const IntRange& range);
std::string FormatRange(const RealRange& range);
/// Returns a harmless value inside a range: 1 or 0 where they are allowed.
std::int64_t NeutralValue(const IntRange& range);
double NeutralValue(const RealRange& range);

/// Formats as a YAML flow scalar, quoted where a reader could take the text
/// for something else.
std::string ToYaml(const Scalar& scalar);
/// Formats as JSON.
std::string ToJson(const Scalar& scalar);

}  // namespace fedtorch::config
