#include "fedtorch/core/json_line.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace fedtorch::core {
namespace {

constexpr std::string_view kNonfinite = "nonfinite";

bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// Length of the UTF-8 sequence at the front of `text`, 0 when it is none
// (Unicode 15, table 3-7: no overlong forms, no surrogates, at most U+10FFFF).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  return length;
}

void AppendEscaped(char byte, std::string* out) {
  switch (byte) {
    case '"':
      *out += "\\\"";
      return;
    case '\\':
      *out += "\\\\";
      return;
    case '\b':
      *out += "\\b";
      return;
    case '\f':
      *out += "\\f";
      return;
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      break;
  }
  if (static_cast<unsigned char>(byte) < 0x20) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    *out += "\\u00";
    *out += kDigits[static_cast<unsigned char>(byte) >> 4];
    *out += kDigits[static_cast<unsigned char>(byte) & 0xF];
    return;
  }
  *out += byte;
}

}  // namespace

std::string JsonNumber(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  FEDTORCH_CHECK(error == std::errc(), "a double needs more than 32 digits");
  std::string text(buffer.data(), end);
  // "3" would be read back as an integer and "-0" as 0 by most readers.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string JsonText(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else if (length == 1) {
      AppendEscaped(text.front(), &out);
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  out += '"';
  return out;
}

JsonLine& JsonLine::Add(std::string_view name, std::string_view text) {
  return AddRaw(name, JsonText(text));
}

JsonLine& JsonLine::AddReal(std::string_view name, double value) {
  AddRaw(name, JsonNumber(value));
  if (!std::isfinite(value)) nonfinite_.emplace_back(name);
  return *this;
}

JsonLine& JsonLine::AddRaw(std::string_view name, std::string json) {
  FEDTORCH_CHECK(name != kNonfinite && !Contains(name),
                 "the member '" + std::string(name) + "' exists already");
  members_.emplace_back(name, std::move(json));
  return *this;
}

bool JsonLine::Contains(std::string_view name) const {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& member) {
    return member.first == name;
  });
}

std::vector<std::pair<std::string, std::string>> JsonLine::AllMembers() const {
  auto members = members_;
  if (!nonfinite_.empty()) {
    std::string list = "[";
    for (const std::string& name : nonfinite_) {
      if (list.size() > 1) list += ',';
      list += JsonText(name);
    }
    members.emplace_back(kNonfinite, list + "]");
  }
  return members;
}

std::string JsonLine::ToString() const {
  std::string text = "{";
  for (const auto& [name, json] : AllMembers()) {
    if (text.size() > 1) text += ',';
    text += JsonText(name) + ":" + json;
  }
  return text + "}";
}

std::string JsonLine::ToIndented() const {
  std::string text = "{";
  for (const auto& [name, json] : AllMembers()) {
    text += text.size() > 1 ? ",\n  " : "\n  ";
    text += JsonText(name) + ": " + json;
  }
  return text + "\n}\n";
}

}  // namespace fedtorch::core
