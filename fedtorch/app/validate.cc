#include "fedtorch/app/commands.h"
#include "fedtorch/app/load.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/round/rehearsal.h"
#include "fedtorch/study/sweep_plan.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

Json ProblemsJson(const core::ConfigError& error) {
  Json problems = Json::array();
  for (const core::Problem& problem : error.problems()) {
    problems.push_back({{"file", problem.place.file},
                        {"line", problem.place.line},
                        {"column", problem.place.column},
                        {"path", problem.path},
                        {"message", problem.message}});
  }
  return problems;
}

// Judges every trial of a sweep.
int ValidateSweep(const study::SweepSource& source,
                  const ValidateOptions& options) {
  const study::SweepPlan plan = study::ComposeSweep(source);
  if (options.deep) {
    for (const study::Trial& trial : plan.trials) {
      config::Document document =
          config::Document::FromText(trial.config_yaml, trial.id());
      round::Experiment experiment = round::Experiment::Read(document.Root());
      round::Rehearse(experiment);
    }
  }
  if (options.format == Format::kJson) {
    std::cout << Json{{"valid", true},
                      {"trials", plan.trials.size()},
                      {"problems", Json::array()}}
                     .dump(2)
              << '\n';
  } else {
    std::cout << "valid; a sweep of " << plan.trials.size() << " trials\n";
  }
  return 0;
}

}  // namespace

int Validate(const ValidateOptions& options) {
  try {
    const study::SweepSource source{
        options.source.files, options.source.overrides, std::nullopt};
    if (study::HasSweep(source)) return ValidateSweep(source, options);
    Loaded loaded = Load(options.source);
    if (options.deep) {
      // One client takes one step: data, model and method are all touched.
      round::Rehearse(loaded.experiment);
    }
    if (options.format == Format::kJson) {
      std::cout << Json{{"valid", true},
                        {"hash", loaded.document.Hash()},
                        {"problems", Json::array()}}
                       .dump(2)
                << '\n';
    } else {
      std::cout << "valid; config hash " << loaded.document.Hash() << '\n';
    }
    return 0;
  } catch (const core::ConfigError& error) {
    if (options.format != Format::kJson) throw;
    std::cout << Json{{"valid", false}, {"problems", ProblemsJson(error)}}.dump(
                     2)
              << '\n';
    return 2;
  }
}

}  // namespace fedtorch::app
