#include "fedtorch/config/convert.h"

#include <algorithm>

namespace fedtorch::config {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string WithRange(const std::string& noun, const std::string& range) {
  return range.empty() ? noun : noun + " " + range;
}

bool IsText(const Value& value) {
  return value.type == Value::Type::kScalar &&
         (value.quoted || value.untyped || !IsNumberOrBoolean(value.text));
}

std::optional<Scalar> ConvertText(const AskedKey& key,
                                  const Value& value,
                                  std::string* error) {
  if (!IsText(value)) {
    *error = "expected " + DescribeExpectedItem(key) + ", got " +
             value.Describe() + "; put text in quotes";
    return std::nullopt;
  }
  if (key.type == KeyType::kChoice &&
      std::find(key.choices.begin(), key.choices.end(), value.text) ==
          key.choices.end()) {
    *error = "unknown value '" + value.text + "'" +
             AdviseOnUnknownValue(value.text, key.choices);
    return std::nullopt;
  }
  return value.text;
}

// Reads a scalar that is not quoted.
std::optional<Scalar> ConvertPlain(const AskedKey& key,
                                   const std::string& text,
                                   std::string* hint) {
  switch (key.type) {
    case KeyType::kInteger:
      if (const auto number = ParseInteger(text)) {
        if (Contains(key.ints, *number)) return *number;
      } else {
        *hint = IntegerHint(text);
      }
      return std::nullopt;
    case KeyType::kReal:
      if (const auto number = ParseReal(text)) {
        if (Contains(key.reals, *number)) return *number;
      } else {
        *hint = RealHint(text);
      }
      return std::nullopt;
    case KeyType::kBoolean:
      if (text == "true") return true;
      if (text == "false") return false;
      *hint = BooleanHint(text);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string DescribeExpectedItem(const AskedKey& key) {
  switch (key.type) {
    case KeyType::kInteger:
      return WithRange("an integer", FormatRange(key.ints));
    case KeyType::kReal:
      return WithRange("a number", FormatRange(key.reals));
    case KeyType::kBoolean:
      return "true or false";
    case KeyType::kText:
      return "text";
    case KeyType::kChoice:
      return "one of " + Join(key.choices);
    case KeyType::kSection:
      return "a mapping of keys";
    case KeyType::kSectionList:
      return "a list of mappings";
    case KeyType::kFlowLists:
      return "a mapping of keys to lists of values";
  }
  return "";
}

std::string DescribeExpected(const AskedKey& key) {
  if (key.is_list) {
    switch (key.type) {
      case KeyType::kInteger:
        return WithRange("a list of integers", FormatRange(key.ints));
      case KeyType::kReal:
        return WithRange("a list of numbers", FormatRange(key.reals));
      default:
        return "a list of texts";
    }
  }
  std::string text = DescribeExpectedItem(key);
  if (key.nullable) text += " or null";
  if (key.automatic) text += " or auto";
  return text;
}

std::optional<Scalar> ConvertScalar(const AskedKey& key,
                                    const Value& value,
                                    std::string* error) {
  const bool is_null =
      value.type == Value::Type::kNull ||
      (value.untyped && (value.text == "null" || value.text.empty()));
  if (key.nullable && is_null) return Scalar();
  if (key.automatic && value.type == Value::Type::kScalar &&
      value.text == "auto") {
    return value.text;
  }
  if (value.type == Value::Type::kScalar &&
      (key.type == KeyType::kText || key.type == KeyType::kChoice)) {
    return ConvertText(key, value, error);
  }
  std::string hint;
  if (value.type == Value::Type::kScalar) {
    std::string ignored;
    const auto number = ConvertPlain(key, value.text, &hint);
    if (number && !value.quoted) return number;
    if (number) hint = "; remove the quotes";
    if (!number && value.quoted) hint.clear();
  }
  const bool item = key.is_list;
  *error = "expected " +
           (item ? DescribeExpectedItem(key) : DescribeExpected(key)) +
           ", got " + value.Describe() + hint;
  return std::nullopt;
}

std::string AdviseOnUnknownValue(const std::string& word,
                                 const std::vector<std::string>& known) {
  const std::string near = Suggest(word, known);
  if (!near.empty()) return "; did you mean '" + near + "'?";
  return "; known values: " + Join(known);
}

std::vector<Scalar> FallbackOrNeutral(const AskedKey& key) {
  if (key.fallback) return *key.fallback;
  if (key.is_list) return {};
  switch (key.type) {
    case KeyType::kInteger:
      return {NeutralValue(key.ints)};
    case KeyType::kReal:
      return {NeutralValue(key.reals)};
    case KeyType::kBoolean:
      return {false};
    case KeyType::kChoice:
      return {key.choices.empty() ? std::string() : key.choices.front()};
    default:
      return {std::string()};
  }
}

bool AcceptsFallback(const AskedKey& key) {
  if (!key.fallback) return true;
  for (const Scalar& scalar : *key.fallback) {
    if (const auto* integer = std::get_if<std::int64_t>(&scalar)) {
      if (!Contains(key.ints, *integer)) return false;
    }
    if (const auto* real = std::get_if<double>(&scalar)) {
      if (!Contains(key.reals, *real)) return false;
    }
    const auto* text = std::get_if<std::string>(&scalar);
    if (text != nullptr && key.type == KeyType::kChoice &&
        std::find(key.choices.begin(), key.choices.end(), *text) ==
            key.choices.end()) {
      return false;
    }
  }
  return true;
}

}  // namespace fedtorch::config
