#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace fedtorch::docs {

/// Returns the root of the repository.
std::filesystem::path Root();

/// Returns the content of a file below the root. Throws: std::runtime_error.
std::string ReadText(const std::filesystem::path& path);

/// Returns the lines between the line that is `begin` and the next one that is
/// `end`, both without their surrounding spaces.
/// Throws: std::runtime_error unless `begin` occurs exactly once and `end`
/// follows.
std::string Between(const std::string& text,
                    std::string_view begin,
                    std::string_view end);

/// Returns where two texts differ: "" for equal ones, else the number of the
/// first line that differs and that line of both.
std::string FirstDifference(const std::string& expected,
                            const std::string& found);

}  // namespace fedtorch::docs
