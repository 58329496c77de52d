#include "fedtorch/data/characters.h"

#include <algorithm>
#include <utility>

namespace fedtorch::data {
namespace {

constexpr char32_t kReplacement = 0xfffd;

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

/// Returns the length that a first byte announces, 0 for one that cannot be.
std::size_t LengthOf(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

}  // namespace

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t length = LengthOf(first);
    bool valid = length > 0 && length <= text.size() - at;
    char32_t value = first;
    if (length > 1) {
      value = static_cast<char32_t>(first & (0xff >> (length + 1)));
      for (std::size_t i = 1; valid && i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[at + i]);
        valid = (byte & 0xc0) == 0x80;
        value = (value << 6) | (byte & 0x3f);
      }
      // Too long a form, half of a UTF-16 pair, beyond Unicode.
      valid = valid && !(length == 3 && value < 0x800) &&
              !(length == 4 && (value < 0x10000 || value > 0x10ffff)) &&
              !(value >= 0xd800 && value < 0xe000);
    }
    out.push_back(valid ? value : kReplacement);
    at += valid ? length : 1;
  }
  return out;
}

std::string EncodeUtf8(char32_t character) {
  const auto rest = [character](int shift) {
    return static_cast<char>(0x80 | ((character >> shift) & 0x3f));
  };
  if (character < 0x80) return {static_cast<char>(character)};
  if (character < 0x800) {
    return {static_cast<char>(0xc0 | (character >> 6)), rest(0)};
  }
  if (character < 0x10000) {
    return {static_cast<char>(0xe0 | (character >> 12)), rest(6), rest(0)};
  }
  return {
      static_cast<char>(0xf0 | (character >> 18)), rest(12), rest(6), rest(0)};
}

Characters::Characters(std::u32string known) : known_(std::move(known)) {
  std::ranges::sort(known_);
  known_.erase(std::unique(known_.begin(), known_.end()), known_.end());
  for (const char32_t character : known_) {
    ids_.emplace(character, static_cast<std::int64_t>(ids_.size()) + 1);
  }
}

Characters Characters::MostFrequent(
    const std::map<char32_t, std::int64_t>& counts, std::int64_t max_size) {
  std::vector<std::pair<std::int64_t, char32_t>> ranking;
  for (const auto& [character, count] : counts) {
    if (character != U'\n' && IsControl(character)) continue;
    if (character != kReplacement) ranking.emplace_back(-count, character);
  }
  std::ranges::sort(ranking);
  std::u32string known;
  for (const auto& [count, character] : ranking) {
    if (static_cast<std::int64_t>(known.size()) + 1 >= max_size) break;
    known.push_back(character);
  }
  return Characters(std::move(known));
}

Characters Characters::Of(std::u32string_view text) {
  return Characters(std::u32string(text));
}

std::int64_t Characters::IdOf(char32_t character) const {
  const auto found = ids_.find(character);
  return found == ids_.end() ? kUnknown : found->second;
}

std::vector<std::string> Characters::Names() const {
  std::vector<std::string> names{"<unknown>"};
  for (const char32_t character : known_) {
    names.push_back(EncodeUtf8(character));
  }
  return names;
}

}  // namespace fedtorch::data
