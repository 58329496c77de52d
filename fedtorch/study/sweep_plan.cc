#include "fedtorch/study/sweep_plan.h"

#include "fedtorch/config/document.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/study/sweep_options.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace fedtorch::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kOverridePlace = "command line, override #";
constexpr std::size_t kShownValue = 60;  // characters of a value in a message

std::string KeyOf(const std::string& word) {
  std::string key = word.substr(0, word.find('='));
  if (key.starts_with('+') || key.starts_with('~')) key.erase(0, 1);
  return key;
}

[[noreturn]] void Fail(const core::Place& place,
                       const std::string& path,
                       const std::string& message) {
  throw core::ConfigError({core::Problem{place, path, message, ""}});
}

// Holds an override of a trial before the axes have values.
struct Step {
  std::string text;                 // of a plain override
  std::optional<std::size_t> axis;  // else the axis that fills it
  std::string prefix;               // "+" or ""
  core::Place place;
};

class Composer {
 public:
  explicit Composer(const SweepSource& source) : source_(source) {
    SortWords();
    ReadSection();
    AddSeeds();
    CheckAxes();
  }

  SweepPlan Compose() {
    SweepPlan plan;
    plan.source = source_;
    for (const Axis& axis : axes_) plan.axes.push_back(axis.key);
    plan.notes = notes_;
    std::map<std::string, std::size_t> known;  // hash to index
    for (const auto& combination : Product(axes_)) {
      Trial trial;
      for (std::size_t i = 0; i < axes_.size(); ++i) {
        trial.values.push_back(axes_[i].values[combination[i]].text);
      }
      const std::string output_dir = ReadTrial(combination, &trial, plan);
      ++tried_;
      if (!found_.empty()) continue;
      const auto [other, is_new] =
          known.try_emplace(trial.hash, plan.trials.size());
      if (!is_new) {
        Fail({},
             "sweep",
             "two trials have the same config: (" +
                 plan.Describe(plan.trials[other->second]) + ") and (" +
                 plan.Describe(trial) +
                 "); the axis in which they differ is given twice or "
                 "overridden");
      }
      if (plan.trials.empty()) {
        plan.name = name_.value_or(experiment_name_ + "-sweep");
        plan.output_dir = output_dir;
      }
      plan.trials.push_back(std::move(trial));
    }
    ThrowFound();
    return plan;
  }

 private:
  // A problem, and the trials that have it.
  struct Found {
    core::Problem problem;
    std::string first_trial;
    std::size_t count = 0;
  };

  void SortWords() {
    std::vector<core::Problem> problems;
    for (std::size_t i = 0; i < source_.words.size(); ++i) {
      const std::string& word = source_.words[i];
      try {
        std::optional<Axis> axis = AxisOfWord(word, i + 1);
        Step step{"", std::nullopt, "", PlaceOfWord(word, i + 1)};
        if (axis) {
          step.axis = axes_.size();
          step.prefix = word[0] == '+' ? "+" : "";
          axes_.push_back(std::move(*axis));
        } else {
          step.text = word;
          plain_.push_back(word);
        }
        steps_.push_back(std::move(step));
      } catch (const core::ConfigError& error) {
        problems.insert(
            problems.end(), error.problems().begin(), error.problems().end());
      }
    }
    if (!problems.empty()) throw core::ConfigError(std::move(problems));
  }

  // Reads the base: what the section says and where the seeds begin. Problems
  // elsewhere are left to the trials, which may set what the base lacks.
  void ReadSection() {
    config::Document document =
        config::Document::FromFiles(source_.files, plain_);
    config::Section root = document.Root();
    const round::Experiment base = round::Experiment::Read(root);
    const std::optional<SweepOptions> options = SweepOptions::Read(root);
    notes_ = document.notes();
    std::vector<core::Problem> problems;
    for (const core::Problem& problem : document.Problems()) {
      if (problem.path == "sweep" || problem.path.starts_with("sweep.")) {
        problems.push_back(problem);
      }
    }
    if (!problems.empty()) throw core::ConfigError(std::move(problems));
    base_seed_ = static_cast<std::int64_t>(base.seed);
    base_data_seed_ = static_cast<std::int64_t>(base.partition_seed);
    experiment_name_ = base.name;
    has_section_ = options.has_value();
    seeds_ = source_.seeds.value_or(1);
    if (!options) return;
    name_ = options->name;
    seeds_ = source_.seeds.value_or(options->seeds);
    data_seeds_ = options->data_seeds;
    AddGrid(options->grid);
  }

  // The grid stands before the words, so that words win.
  void AddGrid(const std::vector<Axis>& grid) {
    std::vector<Axis> axes;
    std::vector<Step> steps;
    std::vector<std::size_t> moved(axes_.size(), 0);
    std::vector<bool> placed(axes_.size(), false);
    for (const Axis& axis : grid) {
      const auto word =
          std::find_if(axes_.begin(), axes_.end(), [&](const Axis& other) {
            return other.key == axis.key;
          });
      if (word != axes_.end()) {
        const auto index = static_cast<std::size_t>(word - axes_.begin());
        moved[index] = axes.size();
        placed[index] = true;
        axes.push_back(*word);
        continue;
      }
      const bool is_pinned =
          std::any_of(plain_.begin(), plain_.end(), [&](const auto& text) {
            return KeyOf(text) == axis.key;
          });
      if (is_pinned) continue;
      steps.push_back({"", axes.size(), "", {}});
      axes.push_back(axis);
    }
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      if (placed[i]) continue;
      moved[i] = axes.size();
      axes.push_back(axes_[i]);
    }
    for (Step& step : steps_) {
      if (step.axis) step.axis = moved[*step.axis];
      steps.push_back(std::move(step));
    }
    axes_ = std::move(axes);
    steps_ = std::move(steps);
  }

  void AddSeeds() {
    if (data_seeds_ > 1)
      AddSeedAxis(kDataSeedKey, data_seeds_, base_data_seed_);
    if (seeds_ > 1) AddSeedAxis(kSeedKey, seeds_, base_seed_);
  }

  void AddSeedAxis(std::string_view key,
                   std::int64_t count,
                   std::int64_t first) {
    for (const Axis& axis : axes_) {
      if (axis.key == key) {
        Fail(axis.values.front().place,
             axis.key,
             "the number of seeds and a list of them are given; keep one");
      }
    }
    Axis axis{std::string(key), {}};
    for (std::int64_t i = 0; i < count; ++i) {
      axis.values.push_back({std::to_string(first + i), {}, ""});
    }
    steps_.push_back({"", axes_.size(), "", {}});
    axes_.push_back(std::move(axis));
  }

  void CheckAxes() const {
    std::vector<core::Problem> problems;
    std::set<std::string> seen;
    for (const Axis& axis : axes_) {
      const AxisValue& value = axis.values.front();
      const auto report = [&](const std::string& message) {
        problems.push_back({value.place, axis.key, message, value.source_line});
      };
      if (!seen.insert(axis.key).second) {
        report("the axis is given twice; write all its values in one");
      }
      const std::string top = axis.key.substr(0, axis.key.find('.'));
      if (top == "runtime" || top == "output" || top == "checkpoint" ||
          top == "sweep") {
        report("'" + top +
               "' is no part of a trial's identity, so it cannot be an axis; "
               "start two sweeps to compare");
      }
    }
    if (!problems.empty()) throw core::ConfigError(std::move(problems));
  }

  // Returns output.dir.
  std::string ReadTrial(const std::vector<std::size_t>& combination,
                        Trial* trial,
                        const SweepPlan& plan) {
    std::vector<std::string> overrides;
    std::vector<std::pair<core::Place, std::string>> origins;
    for (const Step& step : steps_) {
      if (!step.axis) {
        overrides.push_back(step.text);
        origins.emplace_back(step.place, "");
        continue;
      }
      const Axis& axis = axes_[*step.axis];
      const AxisValue& value = axis.values[combination[*step.axis]];
      overrides.push_back(step.prefix + axis.key + "=" + value.text);
      origins.emplace_back(value.place, value.source_line);
    }
    if (has_section_) overrides.emplace_back("~sweep");
    std::vector<core::Problem> problems;
    std::string output_dir;
    try {
      config::Document document =
          config::Document::FromFiles(source_.files, overrides);
      const round::Experiment experiment =
          round::Experiment::Read(document.Root());
      problems = document.Problems();
      output_dir = experiment.output_dir;
      trial->seed = experiment.seed;
      trial->hash = document.Hash();
      trial->config_yaml = document.ResolvedYaml();
      const Json config = Json::parse(document.ResolvedJson());
      trial->config_json = config.dump();
      trial->data_key = config.at("data").at("dataset").dump() + "#" +
                        std::to_string(experiment.seed);
      if (name_ == std::nullopt && plan.trials.empty()) {
        experiment_name_ = experiment.name;
      }
    } catch (const core::ConfigError& error) {
      problems = error.problems();
    }
    for (core::Problem& problem : problems) {
      Relocate(origins, &problem);
      Remember(std::move(problem), plan.Describe(*trial));
    }
    return output_dir;
  }

  // The reader counts our overrides; the user wrote other words, or a file.
  static void Relocate(
      const std::vector<std::pair<core::Place, std::string>>& origins,
      core::Problem* problem) {
    const std::string& file = problem->place.file;
    if (!file.starts_with(kOverridePlace)) return;
    std::size_t number = 0;
    std::from_chars(
        file.data() + kOverridePlace.size(), file.data() + file.size(), number);
    if (number < 1 || number > origins.size()) return;
    const auto& [place, source_line] = origins[number - 1];
    problem->place = place;
    problem->source_line = source_line;
  }

  void Remember(core::Problem problem, const std::string& trial) {
    for (Found& found : found_) {
      if (found.problem.place == problem.place &&
          found.problem.path == problem.path &&
          found.problem.message == problem.message) {
        ++found.count;
        return;
      }
    }
    found_.push_back({std::move(problem), trial, 1});
  }

  void ThrowFound() {
    if (found_.empty()) return;
    std::vector<core::Problem> problems;
    for (Found& found : found_) {
      // What every trial has is no fault of one of them.
      if (found.count < tried_) {
        found.problem.message += " [trial " + found.first_trial;
        if (found.count > 1) {
          found.problem.message +=
              ", and " + std::to_string(found.count - 1) + " more";
        }
        found.problem.message += "]";
      }
      problems.push_back(std::move(found.problem));
    }
    throw core::ConfigError(std::move(problems));
  }

  const SweepSource& source_;
  std::vector<std::string> plain_;  // words that are no axes
  std::vector<Axis> axes_;
  std::vector<Step> steps_;
  std::vector<std::string> notes_;
  std::optional<std::string> name_;
  std::string experiment_name_;
  bool has_section_ = false;
  std::int64_t seeds_ = 1;
  std::int64_t data_seeds_ = 1;
  std::int64_t base_seed_ = 0;
  std::int64_t base_data_seed_ = 0;
  std::vector<Found> found_;
  std::size_t tried_ = 0;
};

}  // namespace

std::string SweepPlan::Describe(const Trial& trial) const {
  std::string text;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::string value = trial.values[i];
    if (value.size() > kShownValue) {
      value = value.substr(0, kShownValue) + "...";
    }
    text += (text.empty() ? "" : ", ") + axes[i] + "=" + value;
  }
  return text.empty() ? "the only one" : text;
}

bool HasSweep(const SweepSource& source) {
  config::Document document =
      config::Document::FromFiles(source.files, source.words);
  config::Section root = document.Root();
  return SweepOptions::Read(root).has_value();
}

SweepPlan ComposeSweep(const SweepSource& source) {
  return Composer(source).Compose();
}

}  // namespace fedtorch::study
