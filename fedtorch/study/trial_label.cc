#include "fedtorch/study/trial_label.h"

#include "fedtorch/study/axis_label.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace fedtorch::study {
namespace {

using Json = nlohmann::json;

std::string LastStep(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

// Returns the name of a kind in a config, or "".
std::string NameIn(const Json& config, const std::string& section) {
  const Json* value = &config;
  std::size_t start = 0;
  while (start <= section.size()) {
    const std::size_t dot = std::min(section.find('.', start), section.size());
    const std::string step = section.substr(start, dot - start);
    if (!value->is_object() || !value->contains(step)) return "";
    value = &value->at(step);
    start = dot + 1;
  }
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_object() || !value->contains("name")) return "";
  return value->at("name").get<std::string>();
}

// Names the parts of a chain such as server.pre_aggregators, or "".
std::string ChainIn(const Json& config, const char* outer, const char* inner) {
  if (!config.contains(outer) || !config.at(outer).contains(inner)) return "";
  std::string text;
  for (const Json& part : config.at(outer).at(inner)) {
    if (!part.is_object() || !part.contains("name")) continue;
    text += (text.empty() ? "" : "+") + part.at("name").get<std::string>();
  }
  return text;
}

// Puts more keys into the brackets of a label.
std::string WithKeys(std::string label, const std::string& keys) {
  if (keys.empty()) return label;
  if (label.ends_with(')')) {
    label.back() = ',';
    return label + " " + keys + ")";
  }
  return label + "(" + keys + ")";
}

// The labels of every axis by their values.
using Labels = std::vector<std::map<std::string, std::string>>;

Labels LabelsOf(const FrozenSweep& sweep) {
  Labels labels;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    std::vector<std::string> texts;
    for (const FrozenTrial& trial : sweep.trials) {
      texts.push_back(trial.values[i]);
    }
    labels.push_back(AxisLabels(texts));
  }
  return labels;
}

// Labels a section from the axes that lie in it.
std::string LabelSection(const FrozenSweep& sweep,
                         const Labels& labels,
                         const FrozenTrial& trial,
                         const Json& config,
                         const std::string& section,
                         AxisRole role) {
  std::string base;
  std::string keys;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    const std::string& key = sweep.axes[i];
    if (RoleOf(key) != role) continue;
    const std::string value = labels[i].at(trial.values[i]);
    if (key == section || key == section + ".name") {
      base = value;
    } else if (key.starts_with(section + ".")) {
      keys += (keys.empty() ? "" : ", ") + key.substr(section.size() + 1) +
              "=" + value;
    }
  }
  if (base.empty()) base = NameIn(config, section);
  return WithKeys(base, keys);
}

std::string LabelDefence(const FrozenSweep& sweep,
                         const Labels& labels,
                         const FrozenTrial& trial,
                         const Json& config) {
  const std::string rule = LabelSection(
      sweep, labels, trial, config, "server.aggregator", AxisRole::kDefence);
  std::string before = ChainIn(config, "server", "pre_aggregators");
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    if (sweep.axes[i] != "server.pre_aggregators") continue;
    const std::string value = labels[i].at(trial.values[i]);
    before = value == "none" || value == "null" ? "" : value;
  }
  std::string keys;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    const std::string& key = sweep.axes[i];
    if (!key.starts_with("server.pre_aggregators.")) continue;
    keys += (keys.empty() ? "" : ", ") +
            key.substr(std::string("server.pre_aggregators.").size()) + "=" +
            labels[i].at(trial.values[i]);
  }
  if (!keys.empty()) before = WithKeys(before, keys);
  return before.empty() ? rule : before + "+" + rule;
}

// The shortest ends of the keys that differ from each other.
std::map<std::string, std::string> ShortKeys(
    const std::vector<std::string>& keys) {
  std::map<std::string, std::string> shortened;
  for (const std::string& key : keys) {
    std::string text = LastStep(key);
    const auto is_taken = [&] {
      return std::any_of(keys.begin(), keys.end(), [&](const auto& other) {
        return other != key && (other == text || other.ends_with("." + text));
      });
    };
    while (is_taken() && text.size() < key.size()) {
      const std::size_t from = key.size() - text.size() - 1;
      const std::size_t dot =
          from == 0 ? std::string::npos : key.rfind('.', from - 1);
      text = dot == std::string::npos ? key : key.substr(dot + 1);
    }
    shortened[key] = text;
  }
  return shortened;
}

}  // namespace

SweepRoles RolesOf(const FrozenSweep& sweep) {
  SweepRoles roles;
  for (const std::string& key : sweep.axes) {
    switch (RoleOf(key)) {
      case AxisRole::kDefence:
        roles.defence = true;
        break;
      case AxisRole::kAttack:
        roles.attack = true;
        break;
      case AxisRole::kByzantine:
        roles.byzantine = true;
        break;
      case AxisRole::kHeterogeneity:
        roles.heterogeneity = true;
        break;
      case AxisRole::kSetting:
        roles.setting = true;
        break;
      case AxisRole::kSeed:
        break;
    }
  }
  return roles;
}

std::vector<TrialLabel> LabelTrials(const FrozenSweep& sweep) {
  const SweepRoles roles = RolesOf(sweep);
  std::vector<std::string> settings;
  for (const std::string& key : sweep.axes) {
    if (RoleOf(key) == AxisRole::kSetting) settings.push_back(key);
  }
  const std::map<std::string, std::string> short_keys = ShortKeys(settings);
  const Labels values = LabelsOf(sweep);
  std::vector<TrialLabel> labels;
  for (const FrozenTrial& trial : sweep.trials) {
    const Json config = Json::parse(trial.config);
    TrialLabel label;
    if (roles.defence || roles.attack) {
      label.defence = LabelDefence(sweep, values, trial, config);
    }
    if (roles.attack) {
      label.attack = LabelSection(
          sweep, values, trial, config, "attack", AxisRole::kAttack);
    }
    if (roles.heterogeneity) {
      label.heterogeneity = LabelSection(sweep,
                                         values,
                                         trial,
                                         config,
                                         "data.partition",
                                         AxisRole::kHeterogeneity);
    }
    for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
      const std::string& key = sweep.axes[i];
      const std::string value = values[i].at(trial.values[i]);
      const auto append = [&value](const std::string& name, std::string* text) {
        *text += (text->empty() ? "" : ", ") + name + "=" + value;
      };
      if (RoleOf(key) == AxisRole::kByzantine) {
        const std::string name = LastStep(key);
        append(name == "num_byzantine" ? "f" : name, &label.byzantine);
      } else if (RoleOf(key) == AxisRole::kSetting) {
        append(short_keys.at(key), &label.setting);
      }
    }
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace fedtorch::study
