#include "fedtorch/config/schema.h"

#include "fedtorch/config/facts.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <utility>

namespace fedtorch::config {
namespace {

using Json = nlohmann::ordered_json;

Json ToJsonValue(const Scalar& scalar) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>,
                                     std::monostate>) {
          return nullptr;
        } else {
          return value;
        }
      },
      scalar);
}

void AddIntegerRange(const IntRange& range, Json& schema) {
  if (range.min != IntRange{}.min) schema["minimum"] = range.min;
  if (range.max != IntRange{}.max) schema["maximum"] = range.max;
}

void AddRealRange(const RealRange& range, Json& schema) {
  if (std::isfinite(range.min)) {
    schema[range.open_min ? "exclusiveMinimum" : "minimum"] = range.min;
  }
  if (std::isfinite(range.max)) {
    schema[range.open_max ? "exclusiveMaximum" : "maximum"] = range.max;
  }
}

Json ItemSchema(const AskedKey& key) {
  Json schema;
  switch (key.type) {
    case KeyType::kInteger:
      schema["type"] = "integer";
      AddIntegerRange(key.ints, schema);
      break;
    case KeyType::kReal:
      schema["type"] = "number";
      AddRealRange(key.reals, schema);
      break;
    case KeyType::kBoolean:
      schema["type"] = "boolean";
      break;
    case KeyType::kChoice:
      schema["enum"] = key.choices;
      break;
    default:
      schema["type"] = "string";
      break;
  }
  return schema;
}

Json ScalarSchema(const AskedKey& key) {
  Json schema = ItemSchema(key);
  if (key.is_list) {
    return Json{{"type", "array"}, {"items", std::move(schema)}};
  }
  if (key.nullable) schema["type"] = {schema["type"], "null"};
  if (key.automatic) {
    return Json{{"anyOf", {Json{{"const", "auto"}}, std::move(schema)}}};
  }
  return schema;
}

// Writes the schema of sections and of the kinds in them.
class SchemaWriter {
 public:
  explicit SchemaWriter(const DocumentState& state) : state_(state) {}

  Json SectionSchema(const OpenedSection& section) const {
    if (section.open_ended) return Json::object();
    if (!section.has_kind) {
      Json schema = ObjectSchema({&section.keys});
      if (section.parent >= 0 && NeedsNoKeys(state_, section)) {
        schema["type"] = {"object", "null"};
      }
      return schema;
    }
    Json forms = Json::array();
    Json words = Json::array();
    for (std::size_t i = 0; i < section.variants.size(); ++i) {
      if (KindNeedsNoKeys(state_, section, i)) {
        words.push_back(section.variants[i].name);
      }
    }
    if (section.allows_short_form && !words.empty()) {
      forms.push_back(Json{{"enum", std::move(words)}});
    }
    for (const KindVariant& variant : section.variants) {
      forms.push_back(VariantSchema(section, variant));
    }
    return Json{{"oneOf", std::move(forms)}};
  }

 private:
  Json VariantSchema(const OpenedSection& section,
                     const KindVariant& variant) const {
    Json schema = ObjectSchema({&section.keys, &variant.keys});
    Json name{{"const", variant.name}};
    if (!variant.summary.empty()) name["description"] = variant.summary;
    Json properties{{"name", std::move(name)}};
    for (auto& [key, value] : schema["properties"].items()) {
      properties[key] = std::move(value);
    }
    schema["properties"] = std::move(properties);
    if (variant.name != section.kind_fallback) {
      Json required = Json::array({"name"});
      if (schema.contains("required")) {
        for (const Json& key : schema["required"]) required.push_back(key);
      }
      schema["required"] = std::move(required);
    }
    return schema;
  }

  Json ObjectSchema(
      const std::vector<const std::vector<AskedKey>*>& groups) const {
    Json schema{{"type", "object"}};
    Json properties = Json::object();
    Json required = Json::array();
    Json rules = Json::array();
    for (const std::vector<AskedKey>* keys : groups) {
      for (const AskedKey& key : *keys) {
        AddKey(key, properties, required, rules);
      }
    }
    schema["properties"] = std::move(properties);
    if (!required.empty()) schema["required"] = std::move(required);
    if (!rules.empty()) schema["allOf"] = std::move(rules);
    schema["additionalProperties"] = false;
    return schema;
  }

  void AddKey(const AskedKey& key,
              Json& properties,
              Json& required,
              Json& rules) const {
    Json schema = KeySchema(key);
    properties[key.name] = schema;
    for (const std::string& alias : key.aliases) {
      schema["description"] = "Another name of '" + key.name + "'.";
      properties[alias] = schema;
    }
    const bool is_required = !MayBeLeftOut(state_, key);
    if (key.aliases.empty()) {
      if (is_required) required.push_back(key.name);
      return;
    }
    // At most one of the names; exactly one where the key is required.
    std::vector<std::string> names = {key.name};
    names.insert(names.end(), key.aliases.begin(), key.aliases.end());
    if (is_required) {
      Json choices = Json::array();
      for (const std::string& name : names) {
        choices.push_back(Json{{"required", Json::array({name})}});
      }
      rules.push_back(Json{{"oneOf", std::move(choices)}});
      return;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      for (std::size_t j = i + 1; j < names.size(); ++j) {
        const Json both{{"type", "object"},
                        {"required", Json::array({names[i], names[j]})}};
        rules.push_back(Json{{"not", both}});
      }
    }
  }

  Json KeySchema(const AskedKey& key) const {
    Json schema;
    if (key.type == KeyType::kSection) {
      schema = SectionSchema(state_.section(key.sections.front()));
    } else if (key.type == KeyType::kSectionList) {
      schema["type"] = {"array", "null"};
      schema["items"] = SectionSchema(state_.section(key.sections.front()));
    } else if (key.type == KeyType::kFlowLists) {
      schema["type"] = {"object", "null"};
      schema["additionalProperties"] = Json{{"type", "array"}, {"minItems", 1}};
    } else {
      schema = ScalarSchema(key);
      AddDefault(key, schema);
    }
    std::string description = key.help;
    if (!key.unit.empty()) {
      description += (description.empty() ? "" : " ");
      description += "Unit: " + key.unit + ".";
    }
    if (!description.empty()) schema["description"] = description;
    return schema;
  }

  static void AddDefault(const AskedKey& key, Json& schema) {
    if (!key.fallback) return;
    if (!key.is_list) {
      schema["default"] = ToJsonValue(key.fallback->front());
      return;
    }
    Json values = Json::array();
    for (const Scalar& scalar : *key.fallback) {
      values.push_back(ToJsonValue(scalar));
    }
    schema["default"] = std::move(values);
  }

  const DocumentState& state_;
};

// Returns the object schemas of the root: one, or one a kind.
std::vector<Json*> Objects(Json& root) {
  if (!root.contains("oneOf")) return {&root};
  std::vector<Json*> objects;
  for (Json& form : root["oneOf"]) objects.push_back(&form);
  return objects;
}

}  // namespace

std::string JsonSchemaOf(const DocumentState& state, const std::string& title) {
  Json schema{
      {"$schema", "http://json-schema.org/draft-07/schema#"},
      {"title", title},
      {"description",
       "Made from the code that reads the config. Values that hold ${...} "
       "and rules between keys are checked when the config is read."}};
  Json root = SchemaWriter(state).SectionSchema(state.section(0));
  // The document reads these two itself.
  Json own;
  own["schema_version"] = Json{
      {"const", 1}, {"description", "Version of the layout of this file."}};
  own["defaults"] = Json{
      {"type", {"string", "array", "null"}},
      {"minLength", 1},
      {"items", {{"type", "string"}, {"minLength", 1}}},
      {"description", "Files that are read before this one; later ones win."}};
  for (Json* form : Objects(root)) {
    for (const auto& [key, value] : own.items()) {
      if (!(*form)["properties"].contains(key)) {
        (*form)["properties"][key] = value;
      }
    }
  }
  schema.update(root);
  return schema.dump(2) + "\n";
}

}  // namespace fedtorch::config
