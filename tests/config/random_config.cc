#include "tests/config/random_config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace fedtorch::config {
namespace {

using Json = nlohmann::ordered_json;

// Words that a careless reader takes for something else, and plain ones.
constexpr std::array<std::string_view, 20> kWords = {
    "word", "two words", "",     "null", "true", "yes",  "12",
    "-1",   "1e3",       "0x1",  "~",    "a: b", "[a]",  "#",
    "auto", "é",         "a\"b", "on",   "- a",  "1_000"};

class Drawer {
 public:
  Drawer(double mistakes, core::Stream& stream)
      : mistakes_(mistakes), stream_(stream) {}

  Json Draw(const Json& schema) {
    if (stream_.Uniform() < mistakes_) return DrawAnything();
    for (const char* choice : {"oneOf", "anyOf"}) {
      if (schema.contains(choice)) return Draw(Pick(schema[choice]));
    }
    if (schema.contains("const")) return schema["const"];
    if (schema.contains("enum")) return Pick(schema["enum"]);
    if (!schema.contains("type")) return DrawAnything();
    const Json& types = schema["type"];
    return DrawType(types.is_array() ? Pick(types) : types, schema);
  }

 private:
  const Json& Pick(const Json& list) {
    return list[stream_.Below(list.size())];
  }

  Json DrawType(const std::string& type, const Json& schema) {
    if (type == "null") return nullptr;
    if (type == "boolean") return stream_.Below(2) == 1;
    if (type == "integer") return DrawInteger(schema);
    if (type == "number") return DrawReal(schema);
    if (type == "string") return kWords[stream_.Below(kWords.size())];
    if (type == "array") {
      Json list = Json::array();
      const std::uint64_t size = stream_.Below(4);
      for (std::uint64_t i = 0; i < size; ++i) {
        list.push_back(Draw(schema["items"]));
      }
      return list;
    }
    return DrawObject(schema);
  }

  Json DrawInteger(const Json& schema) {
    const std::int64_t low = schema.value("minimum", std::int64_t{-10});
    const std::int64_t high = schema.value("maximum", low + 100);
    if (stream_.Uniform() < mistakes_) {
      return stream_.Below(2) == 0 ? low - 1 : high + 1;
    }
    switch (stream_.Below(3)) {
      case 0:
        return low;
      case 1:
        return high;
      default:
        return low + static_cast<std::int64_t>(stream_.Below(
                         static_cast<std::uint64_t>(high - low) + 1));
    }
  }

  Json DrawReal(const Json& schema) {
    const bool open_low = schema.contains("exclusiveMinimum");
    const bool open_high = schema.contains("exclusiveMaximum");
    const double low = open_low ? schema["exclusiveMinimum"].get<double>()
                                : schema.value("minimum", -10.0);
    const double high = open_high ? schema["exclusiveMaximum"].get<double>()
                                  : schema.value("maximum", low + 10.0);
    if (stream_.Uniform() < mistakes_) {
      return stream_.Below(2) == 0 ? (open_low ? low : low - 0.5)
                                   : (open_high ? high : high + 0.5);
    }
    if (!open_low && stream_.Below(3) == 0) return low;
    if (!open_high && stream_.Below(3) == 0) return high;
    // Never 0, so that open bounds hold.
    const double share = (stream_.Uniform() + 1e-9) / (1.0 + 2e-9);
    return low + (high - low) * share;
  }

  Json DrawObject(const Json& schema) {
    Json object = Json::object();
    const Json required = schema.value("required", Json::array());
    for (const auto& [name, inner] : schema["properties"].items()) {
      const bool is_required =
          std::find(required.begin(), required.end(), name) != required.end();
      const double chance = is_required ? 1.0 - mistakes_ : 0.3;
      if (name != "defaults" && stream_.Uniform() < chance) {
        object[name] = Draw(inner);
      }
    }
    DrawAliases(schema, object);
    if (stream_.Uniform() < mistakes_) object["unknown_key"] = 1;
    return object;
  }

  // Keeps one of several names mostly, and gives a required key one.
  void DrawAliases(const Json& schema, Json& object) {
    for (const Json& rule : schema.value("allOf", Json::array())) {
      if (stream_.Uniform() < mistakes_) continue;
      if (rule.contains("not")) {
        const Json& names = rule["not"]["required"];
        if (object.contains(names[0]) && object.contains(names[1])) {
          object.erase(Pick(names).get<std::string>());
        }
        continue;
      }
      std::vector<std::string> names;
      for (const Json& choice : rule["oneOf"]) {
        names.push_back(choice["required"][0]);
        object.erase(names.back());
      }
      const std::string& name = names[stream_.Below(names.size())];
      object[name] = Draw(schema["properties"][name]);
    }
  }

  Json DrawAnything() {
    switch (stream_.Below(8)) {
      case 0:
        return nullptr;
      case 1:
        return true;
      case 2:
        return 3;
      case 3:
        return 0.5;
      case 4:
        return kWords[stream_.Below(kWords.size())];
      case 5:
        return Json::array();
      case 6:
        return Json::array({1, "a"});
      default:
        return Json{{"name", "word"}};
    }
  }

  double mistakes_;
  core::Stream& stream_;
};

// Writes plain words now and then; JSON's quoted form is YAML, too.
std::string ToYamlText(const Json& value, core::Stream& stream) {
  if (value.is_object()) {
    std::string text = "{";
    for (const auto& [name, inner] : value.items()) {
      if (text.size() > 1) text += ", ";
      text += name + ": " + ToYamlText(inner, stream);
    }
    return text + "}";
  }
  if (value.is_array()) {
    std::string text = "[";
    for (const Json& item : value) {
      if (text.size() > 1) text += ", ";
      text += ToYamlText(item, stream);
    }
    return text + "]";
  }
  if (value.is_string() && stream.Below(2) == 0) {
    std::string text = value;
    const bool is_word =
        !text.empty() &&
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") ==
            std::string::npos &&
        text != "null" && text != "true" && text != "false";
    if (is_word) return text;
  }
  return value.dump();
}

}  // namespace

struct RandomConfigs::Data {
  Json schema;
};

RandomConfigs::RandomConfigs(const std::string& schema)
    : data_(std::make_unique<Data>(Data{Json::parse(schema)})) {}

RandomConfigs::~RandomConfigs() = default;

RandomConfig RandomConfigs::Draw(double mistakes, core::Stream& stream) const {
  const Json config = Drawer(mistakes, stream).Draw(data_->schema);
  return {config.dump(), ToYamlText(config, stream)};
}

}  // namespace fedtorch::config
