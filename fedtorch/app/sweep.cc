#include "fedtorch/study/sweep.h"

#include "fedtorch/app/commands.h"
#include "fedtorch/core/errors.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;
using study::TrialState;

constexpr int kFailedTrials = 5;
constexpr int kPreempted = 75;
constexpr int kInterrupted = 130;

Json ValuesOf(const study::SweepPlan& plan, const study::Trial& trial) {
  Json values = Json::object();
  for (std::size_t i = 0; i < plan.axes.size(); ++i) {
    values[plan.axes[i]] = trial.values[i];
  }
  return values;
}

int PrintTrials(const study::SweepPlan& plan,
                const study::SweepRequest& request,
                Format format) {
  Json trials = Json::array();
  for (std::size_t i = 0; i < plan.trials.size(); ++i) {
    if (i % request.shard.count != request.shard.index) continue;
    const study::Trial& trial = plan.trials[i];
    const study::TrialStatus status = study::ReadTrialStatus(
        study::TrialFolder(request.directory, trial.id()));
    if (format == Format::kText) {
      std::cout << i << "  " << trial.id() << "  " << ToText(status.state)
                << "  " << plan.Describe(trial) << '\n';
    }
    trials.push_back({{"trial", i},
                      {"id", trial.id()},
                      {"state", ToText(status.state)},
                      {"values", ValuesOf(plan, trial)}});
  }
  if (format == Format::kText) {
    std::cout << trials.size() << " trials; nothing was run\n";
  } else {
    std::cout << Json{{"directory", request.directory.string()},
                      {"trials", trials}}
                     .dump(2)
              << '\n';
  }
  return 0;
}

int ExitCodeOf(const study::SweepOutcome& outcome) {
  if (outcome.stop == record::StopRequest::kInterrupt) return kInterrupted;
  if (outcome.stop == record::StopRequest::kPreempt) return kPreempted;
  return outcome.failures.empty() ? 0 : kFailedTrials;
}

void PrintJson(const study::SweepPlan& plan,
               const study::SweepRequest& request,
               const study::SweepOutcome& outcome) {
  std::size_t done = 0;
  for (const study::TrialResult& result : outcome.results) {
    if (result.status.state == TrialState::kDone) ++done;
  }
  Json failed = Json::array();
  for (const auto& [index, status] : outcome.failures) {
    failed.push_back({{"trial", index},
                      {"id", plan.trials[index].id()},
                      {"state", ToText(status.state)},
                      {"reason", status.message}});
  }
  std::cout << Json{{"directory", request.directory.string()},
                    {"exit_code", ExitCodeOf(outcome)},
                    {"trials", outcome.results.size()},
                    {"done", done},
                    {"skipped", outcome.skipped},
                    {"failed", failed}}
                   .dump(2)
            << '\n';
}

void PrintText(const study::SweepRequest& request,
               const study::SweepOutcome& outcome) {
  std::cout << study::SweepTable(outcome.sweep, outcome.results)
            << "\nresults  " << (request.directory / "results.csv").string()
            << '\n';
}

void PrintFailures(const study::SweepPlan& plan,
                   const study::SweepOutcome& outcome) {
  if (outcome.failures.empty()) return;
  std::cerr << outcome.failures.size() << " trials failed:\n";
  for (const auto& [index, status] : outcome.failures) {
    const study::Trial& trial = plan.trials[index];
    std::cerr << "  " << trial.id() << "  " << ToText(status.state) << ": "
              << status.message << "  [" << plan.Describe(trial) << "]\n";
  }
  std::cerr << "start again with --retry-failed to try them once more\n";
}

}  // namespace

int Sweep(const SweepCommandOptions& options) {
  const study::SweepPlan plan = study::ComposeSweep(
      {options.source.files, options.source.overrides, options.seeds});
  study::SweepRequest request;
  request.directory = options.directory.empty() ? plan.output_dir / plan.name
                                                : options.directory;
  request.jobs = options.jobs;
  if (!options.shard.empty()) {
    request.shard = study::ParseShard(options.shard);
  }
  request.retry_failed = options.retry_failed;
  request.quiet = options.quiet;
  request.command_line = options.command_line;
  if (!options.quiet) {
    for (const std::string& note : plan.notes) {
      std::cerr << "note: " << note << '\n';
    }
  }
  if (options.dry_run) return PrintTrials(plan, request, options.format);
  const study::SweepOutcome outcome = study::RunSweep(plan, request);
  if (options.format == Format::kJson) {
    PrintJson(plan, request, outcome);
  } else if (!options.quiet) {
    PrintText(request, outcome);
  }
  PrintFailures(plan, outcome);
  if (outcome.stop != record::StopRequest::kNone) {
    std::cerr << "stopped; start the same command again to continue\n";
  }
  return ExitCodeOf(outcome);
}

}  // namespace fedtorch::app
