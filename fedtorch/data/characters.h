#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fedtorch::data {

/// Splits UTF-8 into code points; a byte that is not UTF-8 becomes U+FFFD.
std::u32string DecodeUtf8(std::string_view text);
/// Formats a code point as UTF-8.
std::string EncodeUtf8(char32_t character);

/// Numbers the characters of texts: 0 is every unknown character, then the
/// known ones in the order of their code points.
class Characters {
 public:
  static constexpr std::int64_t kUnknown = 0;

  /// Takes the most frequent characters, at most max_size - 1 (among equals the
  /// lower code point). Control characters other than the newline, and U+FFFD,
  /// stay unknown.
  static Characters MostFrequent(const std::map<char32_t, std::int64_t>& counts,
                                 std::int64_t max_size);
  /// Takes each character of a text once.
  static Characters Of(std::u32string_view text);

  /// Number of ids, the unknown one included.
  std::int64_t size() const {
    return static_cast<std::int64_t>(known_.size()) + 1;
  }
  std::int64_t IdOf(char32_t character) const;
  /// Returns a name for each id: "<unknown>", then the characters in UTF-8.
  std::vector<std::string> Names() const;

 private:
  explicit Characters(std::u32string known);

  std::u32string known_;  // sorted, different
  std::unordered_map<char32_t, std::int64_t> ids_;
};

}  // namespace fedtorch::data
