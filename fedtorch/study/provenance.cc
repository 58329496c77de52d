#include "fedtorch/study/provenance.h"

#include "fedtorch/core/hash.h"
#include "fedtorch/record/progress.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>

namespace fedtorch::study {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

// Collects the different values of one fact.
class Facts {
 public:
  void Add(const std::string& name, const std::string& value) {
    auto fact = std::find_if(facts_.begin(), facts_.end(), [&](const auto& f) {
      return f.first == name;
    });
    if (fact == facts_.end()) {
      facts_.push_back({name, {}});
      fact = facts_.end() - 1;
    }
    std::vector<std::string>& values = fact->second;
    if (std::find(values.begin(), values.end(), value) == values.end()) {
      values.push_back(value);
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> Take() {
    return std::move(facts_);
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> facts_;
};

std::string Text(const Json& json, const char* section, const char* key) {
  if (!json.contains(section) || !json.at(section).contains(key)) return "?";
  const Json& value = json.at(section).at(key);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Provenance ReadProvenance(const fs::path& directory, const FrozenSweep& sweep) {
  Facts facts;
  std::int64_t seconds = 0;
  std::string first;
  std::string last;
  std::size_t timed = 0;
  std::size_t resumed = 0;
  for (const FrozenTrial& trial : sweep.trials) {
    std::ifstream file(TrialFolder(directory, trial.id) / "manifest.json");
    const Json json = Json::parse(file, nullptr, false);
    if (!json.is_object() || !json.contains("run")) continue;
    const bool modified = Text(json, "build", "git_modified") == "true";
    facts.Add("git revision",
              Text(json, "build", "git_revision") +
                  (modified ? " with changes" : ""));
    facts.Add("fedtorch", Text(json, "build", "fedtorch"));
    facts.Add(
        "compiler",
        Text(json, "build", "compiler") + " " + Text(json, "build", "flags"));
    if (json.contains("libraries") && json["libraries"].contains("LibTorch")) {
      facts.Add("LibTorch", Text(json["libraries"], "LibTorch", "version"));
    }
    facts.Add("engine",
              Text(json, "engine", "name") + " (" +
                  Text(json, "engine", "instruction_set") + ")");
    facts.Add("machine",
              Text(json, "host", "cpu_model") + ", " +
                  Text(json, "host", "cores") + " cores");
    facts.Add("system",
              Text(json, "host", "distribution") + ", " +
                  Text(json, "host", "system"));
    const Json& run = json.at("run");
    if (run.contains("resumed") && !run.at("resumed").empty()) ++resumed;
    if (!run.contains("start") || !run.contains("end") ||
        !run.at("start").is_object() || !run.at("end").is_object()) {
      continue;
    }
    const std::string start = run.at("start").value("utc", "");
    const std::string end = run.at("end").value("utc", "");
    seconds += run.at("end").value("unix_s", std::int64_t{0}) -
               run.at("start").value("unix_s", std::int64_t{0});
    if (first.empty() || start < first) first = start;
    last = std::max(last, end);
    ++timed;
  }
  if (timed > 0) {
    facts.Add("first start, last end", first + " to " + last);
    facts.Add("time of all trials",
              record::DurationText(static_cast<double>(seconds)) + " for " +
                  std::to_string(timed) + " trials, added up");
    facts.Add("taken up again", std::to_string(resumed) + " trials");
  }
  return {facts.Take()};
}

std::string SweepHash(const FrozenSweep& sweep) {
  std::string text;
  for (const FrozenTrial& trial : sweep.trials) text += trial.hash + "\n";
  return core::Sha256Hex(std::string_view(text));
}

}  // namespace fedtorch::study
