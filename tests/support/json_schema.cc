#include "tests/support/json_schema.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string_view>

namespace fedtorch {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kComments = {
    "$schema", "title", "description", "default"};

[[noreturn]] void Refuse(const std::string& message) {
  throw std::invalid_argument("JSON Schema: " + message);
}

bool IsComment(const std::string& keyword) {
  return std::find(kComments.begin(), kComments.end(), keyword) !=
         kComments.end();
}

// Fails on keywords that Check would ignore.
void CheckKeywords(const Json& schema) {
  if (!schema.is_object()) Refuse("a schema must be an object");
  for (const auto& [keyword, value] : schema.items()) {
    if (IsComment(keyword) || keyword == "const") continue;
    if (keyword == "type") {
      if (!value.is_string() && !value.is_array()) Refuse("type");
    } else if (keyword == "enum" || keyword == "required") {
      if (!value.is_array()) Refuse(keyword + " must be an array");
    } else if (keyword == "additionalProperties") {
      if (value != false) Refuse("additionalProperties must be false");
    } else if (keyword == "minimum" || keyword == "maximum" ||
               keyword == "exclusiveMinimum" || keyword == "exclusiveMaximum" ||
               keyword == "minLength") {
      if (!value.is_number()) Refuse(keyword + " must be a number");
    } else if (keyword == "items" || keyword == "not") {
      CheckKeywords(value);
    } else if (keyword == "properties") {
      for (const auto& [name, inner] : value.items()) CheckKeywords(inner);
    } else if (keyword == "allOf" || keyword == "anyOf" || keyword == "oneOf") {
      if (!value.is_array() || value.empty()) Refuse(keyword + " is empty");
      for (const Json& inner : value) CheckKeywords(inner);
    } else {
      Refuse("unknown keyword '" + keyword + "'");
    }
  }
}

bool IsInteger(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() &&
         std::trunc(value.get<double>()) == value.get<double>();
}

bool HasType(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return IsInteger(value);
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  Refuse("unknown type '" + type + "'");
}

std::string CheckAgainst(const Json& schema, const Json& value);

std::size_t CountMatches(const Json& schemas, const Json& value) {
  return static_cast<std::size_t>(
      std::count_if(schemas.begin(), schemas.end(), [&](const Json& schema) {
        return CheckAgainst(schema, value).empty();
      }));
}

std::string CheckNumber(const Json& schema, const Json& value) {
  if (!value.is_number()) return "";
  if (schema.contains("minimum") && value < schema["minimum"]) {
    return "below minimum";
  }
  if (schema.contains("maximum") && value > schema["maximum"]) {
    return "above maximum";
  }
  if (schema.contains("exclusiveMinimum") &&
      value <= schema["exclusiveMinimum"]) {
    return "not above exclusiveMinimum";
  }
  if (schema.contains("exclusiveMaximum") &&
      value >= schema["exclusiveMaximum"]) {
    return "not below exclusiveMaximum";
  }
  return "";
}

std::string CheckObject(const Json& schema, const Json& value) {
  if (!value.is_object()) return "";
  if (schema.contains("required")) {
    for (const Json& name : schema["required"]) {
      if (!value.contains(name.get<std::string>())) {
        return name.get<std::string>() + " is required";
      }
    }
  }
  static const Json kNone = Json::object();
  const auto given = schema.find("properties");
  const Json& properties = given == schema.end() ? kNone : *given;
  for (const auto& [name, inner] : value.items()) {
    if (properties.contains(name)) {
      const std::string error = CheckAgainst(properties[name], inner);
      if (!error.empty()) return name + ": " + error;
    } else if (schema.contains("additionalProperties")) {
      return name + " is not allowed";
    }
  }
  return "";
}

std::string CheckType(const Json& schema, const Json& value) {
  if (!schema.contains("type")) return "";
  const Json& type = schema["type"];
  if (type.is_string()) {
    return HasType(value, type) ? "" : "is not of type " + type.dump();
  }
  const bool fits =
      std::any_of(type.begin(), type.end(), [&](const Json& name) {
        return HasType(value, name);
      });
  return fits ? "" : "is not of a type in " + type.dump();
}

std::string CheckCombined(const Json& schema, const Json& value) {
  if (schema.contains("allOf")) {
    for (const Json& inner : schema["allOf"]) {
      const std::string error = CheckAgainst(inner, value);
      if (!error.empty()) return error;
    }
  }
  if (schema.contains("anyOf") && CountMatches(schema["anyOf"], value) == 0) {
    return "matches none of anyOf";
  }
  if (schema.contains("oneOf")) {
    const std::size_t matches = CountMatches(schema["oneOf"], value);
    if (matches != 1) {
      return "matches " + std::to_string(matches) + " of oneOf";
    }
  }
  if (schema.contains("not") && CheckAgainst(schema["not"], value).empty()) {
    return "matches not";
  }
  return "";
}

std::string CheckAgainst(const Json& schema, const Json& value) {
  if (schema.contains("const") && value != schema["const"]) {
    return "is not " + schema["const"].dump();
  }
  if (schema.contains("enum")) {
    const Json& values = schema["enum"];
    if (std::find(values.begin(), values.end(), value) == values.end()) {
      return "is none of " + values.dump();
    }
  }
  if (schema.contains("minLength") && value.is_string() &&
      value.get<std::string>().size() < schema["minLength"]) {
    return "is too short";
  }
  for (const auto check : {CheckType, CheckNumber, CheckObject}) {
    const std::string error = check(schema, value);
    if (!error.empty()) return error;
  }
  if (schema.contains("items") && value.is_array()) {
    for (const Json& item : value) {
      const std::string error = CheckAgainst(schema["items"], item);
      if (!error.empty()) return error;
    }
  }
  return CheckCombined(schema, value);
}

Json Parse(const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    Refuse(error.what());
  }
}

}  // namespace

struct JsonSchema::Data {
  Json schema;
};

JsonSchema::JsonSchema(const std::string& schema)
    : data_(std::make_unique<Data>(Data{Parse(schema)})) {
  CheckKeywords(data_->schema);
}

JsonSchema::~JsonSchema() = default;

std::string JsonSchema::Check(const std::string& text) const {
  return CheckAgainst(data_->schema, Parse(text));
}

}  // namespace fedtorch
