#pragma once

#include "fedtorch/core/errors.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::study {

/// Holds one value of an axis.
struct AxisValue {
  std::string text;   ///< YAML flow syntax, as an override takes it
  core::Place place;  ///< where the user wrote it
  std::string source_line;
};

/// Holds one axis of a sweep: a key of the config and the values it takes.
struct Axis {
  std::string key;  ///< dotted path
  std::vector<AxisValue> values;
};

/// Keys of the two axes of seeds.
inline constexpr std::string_view kSeedKey = "seed";
inline constexpr std::string_view kDataSeedKey = "data.partition.seed";

/// Splits at the commas that stand outside of brackets, braces and quotes;
/// spaces around the parts are dropped.
/// Throws: ConfigError when a bracket or a quote stays open.
std::vector<std::string> SplitValues(std::string_view text);

/// Returns the values of `range(stop)`, `range(start,stop)` or
/// `range(start,stop,step)`: start, start + step, ... without `stop`. They are
/// integers when all arguments are, else numbers of at most 12 digits.
/// Throws: ConfigError when it is empty, endless or longer than 100,000.
std::vector<std::string> RangeValues(std::string_view text);

/// Reads a word of the command line: an axis when its value is a range or has
/// a comma outside of brackets, nullopt when it is a plain override.
/// `number` counts the words from 1. Throws: ConfigError.
std::optional<Axis> AxisOfWord(const std::string& word, std::size_t number);

/// Returns the place of a word of the command line.
core::Place PlaceOfWord(const std::string& word, std::size_t number);

/// Returns all combinations, an index into each axis; the last axis varies
/// fastest. No axis gives one empty combination.
/// Throws: ConfigError beyond 100,000 combinations.
std::vector<std::vector<std::size_t>> Product(const std::vector<Axis>& axes);

}  // namespace fedtorch::study
