#include "fedtorch/study/sweep_file.h"

#include "fedtorch/core/atomic_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <set>
#include <system_error>

namespace fedtorch::study {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr std::size_t kShownTrials = 5;

std::string TextOf(const SweepPlan& plan) {
  Json trials = Json::array();
  for (const Trial& trial : plan.trials) {
    Json values = Json::object();
    for (std::size_t i = 0; i < plan.axes.size(); ++i) {
      values[plan.axes[i]] = trial.values[i];
    }
    trials.push_back({{"id", trial.id()},
                      {"hash", trial.hash},
                      {"seed", trial.seed},
                      {"values", std::move(values)},
                      {"config", Json::parse(trial.config_json)}});
  }
  return Json{{"format", kFormat},
              {"name", plan.name},
              {"axes", plan.axes},
              {"trials", std::move(trials)}}
             .dump(1) +
         "\n";
}

std::string Describe(const FrozenSweep& sweep, const FrozenTrial& trial) {
  std::string text;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    text += (text.empty() ? "" : ", ") + sweep.axes[i] + "=" + trial.values[i];
  }
  return trial.id + " (" + text + ")";
}

void RefuseToShrink(const SweepPlan& plan,
                    const FrozenSweep& before,
                    const fs::path& file) {
  std::set<std::string> planned;
  for (const Trial& trial : plan.trials) planned.insert(trial.hash);
  std::vector<std::string> missing;
  for (const FrozenTrial& trial : before.trials) {
    if (!planned.contains(trial.hash)) {
      missing.push_back(Describe(before, trial));
    }
  }
  if (missing.empty()) return;
  std::string text;
  const std::size_t shown = std::min(missing.size(), kShownTrials);
  for (std::size_t i = 0; i < shown; ++i) text += "\n  " + missing[i];
  if (shown < missing.size()) {
    text += "\n  and " + std::to_string(missing.size() - shown) + " more";
  }
  std::size_t kept = before.trials.size() - missing.size();
  throw core::ConfigError(
      file.string() + ": the sweep there has " +
      std::to_string(before.trials.size()) + " trials, of which " +
      std::to_string(kept) + " are among the " +
      std::to_string(plan.trials.size()) +
      " composed now; a sweep may grow, not change; use another --dir, or "
      "give these again:" +
      text);
}

}  // namespace

std::size_t FreezeSweep(const SweepPlan& plan, const fs::path& directory) {
  const fs::path file = directory / "sweep.json";
  std::error_code error;
  fs::create_directories(directory / "trials", error);
  fs::create_directories(directory / "claims", error);
  if (error) {
    core::ThrowFileError(directory, "cannot be created", error.value());
  }
  std::size_t before = 0;
  if (fs::exists(file)) {
    const FrozenSweep frozen = ReadSweep(directory);
    RefuseToShrink(plan, frozen, file);
    before = frozen.trials.size();
  }
  core::WriteFileAtomically(file, TextOf(plan));
  return before;
}

FrozenSweep ReadSweep(const fs::path& directory) {
  const fs::path file = directory / "sweep.json";
  std::ifstream stream(file);
  if (!stream) {
    throw core::ConfigError(directory.string() +
                            " is no sweep: it has no sweep.json");
  }
  try {
    const Json json = Json::parse(stream);
    if (json.at("format") != kFormat) {
      throw core::RunError(file.string() + ": expected format 1, found " +
                           json.at("format").dump());
    }
    FrozenSweep sweep;
    sweep.name = json.at("name");
    sweep.axes = json.at("axes").get<std::vector<std::string>>();
    for (const Json& entry : json.at("trials")) {
      FrozenTrial trial;
      trial.id = entry.at("id");
      trial.hash = entry.at("hash");
      trial.seed = entry.at("seed");
      for (const std::string& axis : sweep.axes) {
        trial.values.push_back(entry.at("values").at(axis));
      }
      trial.config = entry.at("config").dump();
      sweep.trials.push_back(std::move(trial));
    }
    return sweep;
  } catch (const Json::exception& error) {
    throw core::RunError(file.string() + ": is damaged: " + error.what() +
                         "; start the sweep again in another --dir");
  }
}

fs::path TrialFolder(const fs::path& directory, const std::string& id) {
  return directory / "trials" / id;
}

}  // namespace fedtorch::study
