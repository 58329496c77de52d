#include "fedtorch/round/run.h"

#include "fedtorch/app/commands.h"
#include "fedtorch/app/load.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/record/run_directory.h"
#include "fedtorch/round/rehearsal.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <iomanip>
#include <iostream>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

// Options are short names of keys, so they are overrides like any other.
ConfigSource WithOptions(const RunOptions& options) {
  ConfigSource source = options.source;
  // JSON strings are YAML strings, whatever is in them.
  const auto quoted = [](const std::string& text) { return Json(text).dump(); };
  if (!options.output_dir.empty()) {
    source.overrides.push_back("output.dir=" + quoted(options.output_dir));
  }
  if (!options.name.empty()) {
    source.overrides.push_back("name=" + quoted(options.name));
  }
  if (options.seed) {
    source.overrides.push_back("seed=" + std::to_string(*options.seed));
  }
  if (options.threads) {
    source.overrides.push_back("runtime.threads=" +
                               std::to_string(*options.threads));
  }
  if (options.device) {
    source.overrides.push_back("runtime.device=" + quoted(*options.device));
  }
  return source;
}

int PrintPlan(round::Experiment& experiment, Format format) {
  const round::Estimate plan = round::Rehearse(experiment);
  const auto megabytes = [](std::int64_t bytes) {
    return static_cast<double>(bytes) * 1e-6;
  };
  const Json json{{"clients", plan.num_clients},
                  {"cohort", plan.cohort},
                  {"rounds", experiment.rounds},
                  {"parameters", plan.parameters},
                  {"client_updates", plan.client_updates},
                  {"client_steps", plan.client_steps},
                  {"up_mb", megabytes(plan.up_bytes)},
                  {"down_mb", megabytes(plan.down_bytes)},
                  {"data_mb", megabytes(plan.data_bytes)},
                  {"state_mb", megabytes(plan.state_bytes)},
                  {"seconds_per_step", plan.seconds_per_step},
                  {"train_seconds", plan.train_seconds}};
  if (format == Format::kJson) {
    std::cout << json.dump(2) << '\n';
    return 0;
  }
  std::cout << std::fixed << std::setprecision(1) << plan.cohort << " of "
            << plan.num_clients << " clients in each of " << experiment.rounds
            << " rounds: " << plan.client_updates << " client updates, about "
            << plan.client_steps << " optimiser steps\nmodel       "
            << plan.parameters << " parameters\nsent        "
            << megabytes(plan.up_bytes) << " MB up, "
            << megabytes(plan.down_bytes) << " MB down\nmemory      "
            << megabytes(plan.data_bytes) << " MB of samples, up to "
            << megabytes(plan.state_bytes)
            << " MB of client state\ntraining    about " << plan.train_seconds
            << " s (" << std::setprecision(3) << 1e3 * plan.seconds_per_step
            << " ms a step on one core; evaluation not included)\n";
  return 0;
}

// Prints what a run found: for people, or one JSON document.
void PrintResult(const round::RunResult& result, Format format, bool quiet) {
  const Json summary = Json::parse(result.summary);
  if (format == Format::kJson) {
    Json document{{"directory", result.directory.string()},
                  {"exit_code", result.exit_code}};
    document.update(summary);
    std::cout << document.dump(2) << '\n';
    return;
  }
  if (quiet) return;
  std::cout << "rounds          " << summary.at("rounds") << '\n';
  for (const char* name : {"test/accuracy",
                           "test/loss",
                           "test/auc",
                           "test/perplexity",
                           "clients/test/accuracy/weighted_mean"}) {
    const std::string key = name;
    if (!summary.contains(key + "/last")) continue;
    std::cout << key << ' '
              << std::string(key.size() < 15 ? 15 - key.size() : 0, ' ')
              << std::fixed << std::setprecision(4)
              << summary.at(key + "/last").get<double>() << "  (best "
              << summary.at(key + "/best").get<double>() << " in round "
              << summary.at(key + "/best_round") << ")\n";
  }
  std::cout << "model           sha256 "
            << summary.at("model_sha256").get<std::string>().substr(0, 16)
            << "...\nrun directory   " << result.directory.string() << '\n';
}

}  // namespace

int Run(const RunOptions& options) {
  const ConfigSource source = WithOptions(options);
  Loaded loaded = Load(source,
                       options.print_config.empty() ? SweepSection::kRefuse
                                                    : SweepSection::kAccept);
  if (!options.print_config.empty()) {
    std::cout << (options.print_config == "json"
                      ? loaded.document.ResolvedJson()
                      : loaded.document.ResolvedYaml());
    return 0;
  }
  if (options.dry_run) return PrintPlan(loaded.experiment, options.format);

  round::RunRequest request;
  request.resolved_config = loaded.document.ResolvedYaml();
  request.config_hash = loaded.document.Hash();
  request.config_files = source.files;
  request.overrides = source.overrides;
  request.command_line = options.command_line;
  request.progress = record::ParseProgressMode(options.progress)
                         .value_or(record::ProgressMode::kAuto);
  request.quiet = options.quiet;
  if (options.resume == "auto") {
    request.resume = record::FindUnfinishedRun(loaded.experiment.output_dir,
                                               loaded.experiment.name,
                                               request.config_hash,
                                               loaded.experiment.seed);
    if (!request.resume && !options.quiet) {
      std::cerr << "no unfinished run of this config in "
                << loaded.experiment.output_dir << "; starting a new one\n";
    }
  } else if (options.resume != "never") {
    request.resume = options.resume;
  }
  const round::RunResult result = round::Execute(loaded.experiment, request);
  PrintResult(result, options.format, options.quiet);
  return result.exit_code;
}

int Resume(const ResumeOptions& options) {
  const std::filesystem::path config = options.directory / "config.yaml";
  if (!std::filesystem::exists(config)) {
    throw core::ConfigError("resume: " + options.directory.string() +
                            " is no run directory: it has no config.yaml");
  }
  // The hash of the config as it was decides whether a checkpoint fits.
  const std::string former = Load({{config}, {}}).document.Hash();
  ConfigSource source{{config}, {}};
  if (options.rounds) {
    source.overrides.push_back("federation.rounds=" +
                               std::to_string(*options.rounds));
  }
  if (options.threads) {
    source.overrides.push_back("runtime.threads=" +
                               std::to_string(*options.threads));
  }
  if (options.device) {
    source.overrides.push_back("runtime.device=" +
                               Json(*options.device).dump());
  }
  Loaded loaded = Load(source);
  round::RunRequest request;
  request.resolved_config = loaded.document.ResolvedYaml();
  request.config_hash = loaded.document.Hash();
  request.command_line = options.command_line;
  request.resume = options.directory;
  request.config_changed = request.config_hash != former;
  request.progress = record::ParseProgressMode(options.progress)
                         .value_or(record::ProgressMode::kAuto);
  request.quiet = options.quiet;
  const round::RunResult result = round::Execute(loaded.experiment, request);
  PrintResult(result, options.format, options.quiet);
  return result.exit_code;
}

}  // namespace fedtorch::app
