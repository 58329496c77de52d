#include "fedtorch/config/scalar.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace fedtorch::config {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lower;
}

std::size_t SkipDigits(std::string_view text, std::size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

bool IsInteger(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || SkipDigits(text, 0) != text.size()) return false;
  return text.size() == 1 || text[0] != '0';
}

bool IsReal(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = SkipDigits(text, at) - at;
  if (whole > 1 && text[at] == '0') return false;
  at += whole;
  std::size_t part = 0;
  if (at < text.size() && text[at] == '.') {
    part = SkipDigits(text, at + 1) - (at + 1);
    at += 1 + part;
  }
  if (whole + part == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t end = SkipDigits(text, at);
    if (end == at) return false;
    at = end;
  }
  return at == text.size();
}

// Removes what we refuse but others read: a plus sign, underscores, leading
// zeros. Returns "" when nothing was removed.
std::string WithoutExtras(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '_') plain += c;
  }
  if (plain.starts_with('+')) plain.erase(0, 1);
  const std::size_t sign = plain.starts_with('-') ? 1 : 0;
  while (plain.size() > sign + 1 && plain[sign] == '0' &&
         IsDigit(plain[sign + 1])) {
    plain.erase(sign, 1);
  }
  return plain == text ? std::string() : plain;
}

std::optional<std::int64_t> ParseHexadecimal(std::string_view text) {
  const std::string lower = LowerCase(text);
  if (!lower.starts_with("0x") || lower.size() < 3) return std::nullopt;
  std::int64_t value = 0;
  const char* end = lower.data() + lower.size();
  const auto [stop, error] = std::from_chars(lower.data() + 2, end, value, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string JsonEscaped(std::string_view text) {
  std::string escaped = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        escaped += "\\\"";
        break;
      case '\\':
        escaped += "\\\\";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      case '\t':
        escaped += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          constexpr std::string_view kDigits = "0123456789abcdef";
          const auto code = static_cast<unsigned char>(c);
          escaped += "\\u00";
          escaped += kDigits[code >> 4];
          escaped += kDigits[code & 15];
        } else {
          escaped += c;
        }
    }
  }
  return escaped + "\"";
}

// Plain scalars are kept to an alphabet that no context of YAML treats in a
// special way; everything else is quoted.
bool IsPlainSafe(std::string_view text) {
  if (text.empty() || LooksLikeData(text)) return false;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '/' || c == '.' || c == '-' || c == '+' || c == ' ' ||
           c == ':' || c == '=';
  };
  if (!std::all_of(text.begin(), text.end(), is_word)) return false;
  const char first = text.front();
  const char last = text.back();
  if (first == '-' || first == '=' || first == ':' || first == ' ') {
    return false;
  }
  if (last == ':' || last == ' ') return false;
  return text.find(": ") == std::string_view::npos;
}

template <class Number>
std::string Bounds(Number min,
                   Number max,
                   bool has_min,
                   bool has_max,
                   bool open_min,
                   bool open_max,
                   std::string (*format)(Number)) {
  if (has_min && has_max) {
    return std::string("in ") + (open_min ? "(" : "[") + format(min) + ", " +
           format(max) + (open_max ? ")" : "]");
  }
  if (has_min) return (open_min ? "> " : ">= ") + format(min);
  if (has_max) return (open_max ? "< " : "<= ") + format(max);
  return "";
}

}  // namespace

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  if (!IsInteger(text)) return std::nullopt;
  std::int64_t value = 0;
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> ParseReal(std::string_view text) {
  if (!IsReal(text)) return std::nullopt;
  double value = 0.0;
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

bool IsNumberOrBoolean(std::string_view text) {
  const std::string lower = LowerCase(text);
  if (lower == "true" || lower == "false") return true;
  std::string plain = WithoutExtras(text);
  if (plain.empty()) plain = text;
  if (IsReal(plain) || ParseHexadecimal(text)) return true;
  if (!lower.empty() && (lower[0] == '-' || lower[0] == '+')) {
    return lower.substr(1) == ".inf";
  }
  return lower == ".inf" || lower == ".nan";
}

bool LooksLikeData(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kWords = {"null",
                                                              "~",
                                                              "true",
                                                              "false",
                                                              "yes",
                                                              "no",
                                                              "on",
                                                              "off",
                                                              "y",
                                                              "n",
                                                              ".nan",
                                                              ".inf"};
  const std::string lower = LowerCase(text);
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) {
    return true;
  }
  // Numbers of any base, dates and times begin with a digit, a sign or a dot.
  const char first = text.empty() ? ' ' : text.front();
  return IsDigit(first) || first == '+' || first == '-' || first == '.';
}

std::string IntegerHint(std::string_view text) {
  if (IsInteger(text)) return ", which does not fit into 64 bits";
  if (const auto value = ParseReal(text)) {
    if (std::trunc(*value) == *value && std::fabs(*value) < 9e15) {
      return "; write " + std::to_string(static_cast<std::int64_t>(*value));
    }
    return "";
  }
  if (const auto value = ParseHexadecimal(text)) {
    return "; write " + std::to_string(*value);
  }
  const std::string plain = WithoutExtras(text);
  if (!plain.empty() && IsInteger(plain)) return "; write " + plain;
  return "";
}

std::string RealHint(std::string_view text) {
  const std::string lower = LowerCase(text);
  if (lower == ".nan" || lower.ends_with(".inf")) {
    return "; only finite numbers are allowed";
  }
  if (IsReal(text)) return ", which a double cannot hold";
  if (const auto value = ParseHexadecimal(text)) {
    return "; write " + std::to_string(*value);
  }
  const std::string plain = WithoutExtras(text);
  if (!plain.empty() && IsReal(plain)) return "; write " + plain;
  return "";
}

std::string BooleanHint(std::string_view text) {
  const std::string lower = LowerCase(text);
  if (lower == "yes" || lower == "on" || lower == "y" || lower == "true" ||
      lower == "1") {
    return "; write true";
  }
  if (lower == "no" || lower == "off" || lower == "n" || lower == "false" ||
      lower == "0") {
    return "; write false";
  }
  return "";
}

std::string FormatReal(double value) {
  std::array<char, 32> buffer;
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end);
}

bool Contains(const IntRange& range, std::int64_t value) {
  return value >= range.min && value <= range.max;
}

bool Contains(const RealRange& range, double value) {
  if (!std::isfinite(value)) return false;
  return (range.open_min ? value > range.min : value >= range.min) &&
         (range.open_max ? value < range.max : value <= range.max);
}

std::string FormatRange(const IntRange& range) {
  return Bounds<std::int64_t>(
      range.min,
      range.max,
      range.min != IntRange{}.min,
      range.max != IntRange{}.max,
      false,
      false,
      [](std::int64_t value) { return std::to_string(value); });
}

std::string FormatRange(const RealRange& range) {
  return Bounds<double>(range.min,
                        range.max,
                        std::isfinite(range.min),
                        std::isfinite(range.max),
                        range.open_min,
                        range.open_max,
                        FormatReal);
}

std::int64_t NeutralValue(const IntRange& range) {
  for (const std::int64_t value : {std::int64_t{1}, std::int64_t{0}}) {
    if (Contains(range, value)) return value;
  }
  return range.min > 0 ? range.min : range.max;
}

double NeutralValue(const RealRange& range) {
  for (const double value : {1.0, 0.0, 0.5}) {
    if (Contains(range, value)) return value;
  }
  if (!std::isfinite(range.max)) return range.min + std::fabs(range.min) + 1;
  if (!std::isfinite(range.min)) return range.max - std::fabs(range.max) - 1;
  return range.min + (range.max - range.min) / 2;
}

std::string ToYaml(const Scalar& scalar) {
  const auto* text = std::get_if<std::string>(&scalar);
  if (text == nullptr) return ToJson(scalar);
  if (IsPlainSafe(*text)) return *text;
  // Dollars before a brace would be taken for an interpolation; one more
  // dollar says that they are text.
  std::string guarded;
  for (std::size_t i = 0; i < text->size(); ++i) {
    if ((*text)[i] == '{' && i > 0 && (*text)[i - 1] == '$') guarded += '$';
    guarded += (*text)[i];
  }
  return JsonEscaped(guarded);
}

std::string ToJson(const Scalar& scalar) {
  if (const auto* value = std::get_if<bool>(&scalar)) {
    return *value ? "true" : "false";
  }
  if (const auto* value = std::get_if<std::int64_t>(&scalar)) {
    return std::to_string(*value);
  }
  if (const auto* value = std::get_if<double>(&scalar)) {
    return FormatReal(*value);
  }
  if (const auto* value = std::get_if<std::string>(&scalar)) {
    return JsonEscaped(*value);
  }
  return "null";
}

}  // namespace fedtorch::config
