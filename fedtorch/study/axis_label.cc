#include "fedtorch/study/axis_label.h"

#include "fedtorch/config/parse.h"
#include "fedtorch/study/axis.h"

#include <vector>

namespace fedtorch::study {
namespace {

using config::Value;

bool IsUnder(std::string_view key, std::string_view section) {
  return key == section ||
         (key.starts_with(section) && key[section.size()] == '.');
}

std::string LabelOf(const Value& value) {
  switch (value.type) {
    case Value::Type::kNull:
      return "null";
    case Value::Type::kScalar:
      return value.text;
    case Value::Type::kList: {
      std::string text;
      bool has_parts = false;  // mappings are a chain, numbers are a list
      for (const Value& item : value.items) {
        has_parts = has_parts || item.type == Value::Type::kMapping;
      }
      for (const Value& item : value.items) {
        text += (text.empty() ? "" : has_parts ? "+" : ",") + LabelOf(item);
      }
      if (text.empty()) return "none";
      return has_parts ? text : "[" + text + "]";
    }
    case Value::Type::kMapping:
      break;
  }
  std::string name;
  std::string keys;
  for (const Value::Entry& entry : value.entries) {
    if (entry.key == "name") {
      name = LabelOf(entry.value);
    } else {
      keys +=
          (keys.empty() ? "" : ", ") + entry.key + "=" + LabelOf(entry.value);
    }
  }
  return keys.empty() && !name.empty() ? name : name + "(" + keys + ")";
}

}  // namespace

AxisRole RoleOf(std::string_view key) {
  if (key == kSeedKey || key == kDataSeedKey) return AxisRole::kSeed;
  for (const std::string_view name : {"attack.num_byzantine",
                                      "attack.byzantine_fraction",
                                      "attack.declared_f",
                                      "server.declared_f"}) {
    if (key == name) return AxisRole::kByzantine;
  }
  if (IsUnder(key, "server.aggregator") ||
      IsUnder(key, "server.pre_aggregators")) {
    return AxisRole::kDefence;
  }
  if (IsUnder(key, "attack")) return AxisRole::kAttack;
  if (IsUnder(key, "data.partition")) return AxisRole::kHeterogeneity;
  return AxisRole::kSetting;
}

std::string ValueLabel(const std::string& text) {
  std::vector<core::Problem> problems;
  try {
    return LabelOf(config::ParseFlowValue(text, {}, &problems));
  } catch (const core::ConfigError&) {
    return text;  // an interpolation such as ${env:NAME}
  }
}

}  // namespace fedtorch::study
