#include "fedtorch/study/axis_label.h"

#include "fedtorch/config/parse.h"
#include "fedtorch/study/axis.h"

#include <algorithm>
#include <map>
#include <vector>

namespace fedtorch::study {
namespace {

using config::Value;

bool IsUnder(std::string_view key, std::string_view section) {
  return key == section ||
         (key.starts_with(section) && key[section.size()] == '.');
}

// Keys and their values that a label leaves out.
using Known = std::map<std::string, std::string>;

std::string LabelOf(const Value& value, const Known& known = {}) {
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
    const auto shared = known.find(entry.key);
    if (entry.key == "name") {
      name = LabelOf(entry.value);
    } else if (shared == known.end() ||
               shared->second != LabelOf(entry.value)) {
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
  return AxisLabels({text}).at(text);
}

std::map<std::string, std::string> AxisLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  std::map<std::string, Value> values;
  for (const std::string& text : texts) {
    std::vector<core::Problem> problems;
    try {
      values.emplace(text, config::ParseFlowValue(text, {}, &problems));
    } catch (const core::ConfigError&) {
      labels[text] = text;  // an interpolation such as ${env:NAME}
    }
  }
  // Starts with the keys of one value and keeps what all others have, too.
  Known known;
  if (values.size() >= 2 && labels.empty()) {
    for (const Value::Entry& entry : values.begin()->second.entries) {
      if (entry.key != "name") known[entry.key] = LabelOf(entry.value);
    }
    for (const auto& [text, value] : values) {
      std::erase_if(known, [&value = value](const auto& pair) {
        return std::none_of(
            value.entries.begin(), value.entries.end(), [&](const auto& entry) {
              return entry.key == pair.first &&
                     LabelOf(entry.value) == pair.second;
            });
      });
    }
  }
  for (const auto& [text, value] : values) labels[text] = LabelOf(value, known);
  return labels;
}

}  // namespace fedtorch::study
