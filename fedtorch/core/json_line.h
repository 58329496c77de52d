#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fedtorch::core {

/// Formats a double as the shortest JSON number that reads back to the same
/// double, always recognisable as one: 0.713, 3.0, -0.0, 1e-05.
/// Infinities and NaN, which JSON lacks, become "null".
std::string JsonNumber(double value);

/// Formats text as a JSON string with its quotes. UTF-8 passes through; a byte
/// that is not UTF-8 becomes U+FFFD, so that the result is always valid.
std::string JsonText(std::string_view text);

/// Builds one flat JSON object, members in the order they were added.
///
/// Equal members give equal bytes on every machine. A double that is not
/// finite is written as null and named in a last member,
/// "nonfinite":["train/loss"], so that a diverged run does not look like
/// missing data.
/// Example: JsonLine().Add("round", 12).Add("test/accuracy", 0.713).ToString()
/// gives {"round":12,"test/accuracy":0.713}
class JsonLine {
 public:
  /// Adds a member. Throws: Bug when the name was added before.
  JsonLine& Add(std::string_view name, std::string_view text);
  JsonLine& Add(std::string_view name, const std::string& text) {
    return Add(name, std::string_view(text));
  }
  JsonLine& Add(std::string_view name, const char* text) {
    return Add(name, std::string_view(text));
  }
  template <std::integral T>
  JsonLine& Add(std::string_view name, T value) {
    if constexpr (std::is_same_v<T, bool>) {
      return AddRaw(name, value ? "true" : "false");
    } else {
      return AddRaw(name, std::to_string(value));
    }
  }
  template <std::floating_point T>
  JsonLine& Add(std::string_view name, T value) {
    return AddReal(name, static_cast<double>(value));
  }
  /// Adds null when there is no value.
  template <class T>
  JsonLine& Add(std::string_view name, const std::optional<T>& value) {
    return value ? Add(name, *value) : AddRaw(name, "null");
  }

  bool empty() const { return members_.empty(); }
  bool Contains(std::string_view name) const;
  /// Formats {"a":1,"b":2} without a newline.
  std::string ToString() const;
  /// Formats one member a line, indented by two spaces, with a last newline.
  std::string ToIndented() const;

 private:
  JsonLine& AddReal(std::string_view name, double value);
  JsonLine& AddRaw(std::string_view name, std::string json);
  std::vector<std::pair<std::string, std::string>> AllMembers() const;

  std::vector<std::pair<std::string, std::string>> members_;  // name, JSON
  std::vector<std::string> nonfinite_;
};

}  // namespace fedtorch::core
