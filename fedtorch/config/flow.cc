#include "fedtorch/config/flow.h"

#include "fedtorch/config/scalar.h"

#include <algorithm>
#include <cctype>

namespace fedtorch::config {
namespace {

using Format = std::string (*)(const Value&);

std::string Join(const Value& value,
                 std::string (*format_key)(const Scalar&),
                 Format format) {
  const bool is_list = value.type == Value::Type::kList;
  std::string text = is_list ? "[" : "{";
  const auto separate = [&text] {
    if (text.size() > 1) text += ", ";
  };
  for (const Value& item : value.items) {
    separate();
    text += format(item);
  }
  for (const Value::Entry& entry : value.entries) {
    separate();
    text += format_key(Scalar(entry.key)) + ": " + format(entry.value);
  }
  return text + (is_list ? "]" : "}");
}

// Numbers and the like keep the form that they were given in.
bool IsPlainData(const Value& scalar) {
  if (scalar.quoted || !LooksLikeData(scalar.text)) return false;
  return std::all_of(scalar.text.begin(), scalar.text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' ||
           c == '-' || c == '+' || c == '_';
  });
}

std::string ScalarJson(const Value& scalar) {
  if (!scalar.quoted) {
    if (scalar.text == "true" || scalar.text == "false") return scalar.text;
    if (ParseInteger(scalar.text)) return scalar.text;
    if (const auto number = ParseReal(scalar.text)) {
      return ToJson(Scalar(*number));
    }
  }
  return ToJson(Scalar(scalar.text));
}

}  // namespace

std::string ToFlowYaml(const Value& value) {
  if (value.type == Value::Type::kNull) return "null";
  if (value.type != Value::Type::kScalar) {
    return Join(value, ToYaml, ToFlowYaml);
  }
  return IsPlainData(value) ? value.text : ToYaml(Scalar(value.text));
}

std::string ToFlowJson(const Value& value) {
  if (value.type == Value::Type::kNull) return "null";
  if (value.type != Value::Type::kScalar) {
    return Join(value, ToJson, ToFlowJson);
  }
  return ScalarJson(value);
}

}  // namespace fedtorch::config
