#include "fedtorch/study/sweep.h"

#include "fedtorch/config/scalar.h"
#include "fedtorch/core/atomic_file.h"
#include "fedtorch/record/manifest.h"
#include "fedtorch/record/progress.h"
#include "fedtorch/study/trial_pool.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>

namespace fedtorch::study {
namespace {

namespace fs = std::filesystem;

constexpr double kPlainInterval = 5.0;  // seconds between two lines
constexpr double kBarInterval = 0.2;

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Shows how far a sweep is.
class Display {
 public:
  Display(std::size_t total, std::size_t skipped, bool quiet)
      : total_(total),
        done_(skipped),
        skipped_(skipped),
        quiet_(quiet),
        terminal_(record::Terminal::Detect(STDERR_FILENO)),
        start_(Seconds()) {}

  void Ended(const std::string& trial, const TrialStatus& status) {
    if (status.state == TrialState::kMissing) return;
    ++done_;
    if (!status.is_failure()) return;
    ++failed_;
    Erase();
    if (!quiet_) {
      std::cerr << ToText(status.state) << ": " << trial << ": "
                << status.message << '\n';
    }
  }

  void Watch(const PoolState& state) {
    const double now = Seconds();
    const double interval =
        terminal_.interactive ? kBarInterval : kPlainInterval;
    if (quiet_ || now - shown_ < interval) return;
    shown_ = now;
    std::string line = Line(state, now);
    if (!terminal_.interactive) {
      std::cerr << line << '\n';
      return;
    }
    const auto room = static_cast<std::size_t>(std::max(terminal_.columns, 2));
    if (line.size() > room - 1) line.resize(room - 1);
    const std::size_t width = line.size();
    if (width < width_) line.append(width_ - width, ' ');
    width_ = width;
    std::cerr << '\r' << line << std::flush;
  }

  void Finish() {
    Erase();
    if (!quiet_) std::cerr << Line({}, Seconds()) << '\n';
  }

 private:
  std::string Line(const PoolState& state, double now) const {
    std::string text = std::to_string(done_) + "/" + std::to_string(total_) +
                       " trials, " + std::to_string(failed_) + " failed";
    if (state.running > 0) {
      text += ", " + std::to_string(state.running) + " running";
    }
    if (state.waiting > 0) {
      text += ", " + std::to_string(state.waiting) + " run elsewhere";
    }
    text += ", " + record::DurationText(now - start_) + " elapsed";
    if (done_ > skipped_ && done_ < total_) {
      const double left = (now - start_) /
                          static_cast<double>(done_ - skipped_) *
                          static_cast<double>(total_ - done_);
      text += ", " + record::DurationText(left) + " left";
    }
    return text;
  }

  void Erase() {
    if (width_ > 0) std::cerr << '\r' << std::string(width_, ' ') << '\r';
    width_ = 0;
  }

  std::size_t total_;
  std::size_t done_;
  std::size_t skipped_;
  std::size_t failed_ = 0;
  bool quiet_;
  record::Terminal terminal_;
  double start_;
  double shown_ = 0.0;
  std::size_t width_ = 0;
};

std::optional<std::int64_t> ConfiguredThreads(const SweepPlan& plan) {
  if (plan.trials.empty()) return std::nullopt;
  const auto config = nlohmann::json::parse(plan.trials.front().config_json);
  const auto& threads = config.at("runtime").at("threads");
  if (!threads.is_number_integer()) return std::nullopt;
  return threads.get<std::int64_t>();
}

}  // namespace

Shard ParseShard(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto index = config::ParseInteger(text.substr(0, slash));
  const auto count = slash == std::string::npos
                         ? std::nullopt
                         : config::ParseInteger(text.substr(slash + 1));
  if (!index || !count || *index < 0 || *index >= *count) {
    throw core::ConfigError("--shard: expected i/n with 0 <= i < n, found '" +
                            text + "'");
  }
  return {static_cast<std::size_t>(*index), static_cast<std::size_t>(*count)};
}

Jobs ChooseJobs(std::optional<std::int64_t> asked,
                std::optional<std::int64_t> workers,
                std::size_t trials,
                std::int64_t cores) {
  const auto most =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(trials));
  Jobs jobs;
  jobs.jobs =
      asked.value_or(std::max<std::int64_t>(1, cores / workers.value_or(1)));
  jobs.jobs = std::min(jobs.jobs, most);
  jobs.threads = workers.value_or(std::max<std::int64_t>(1, cores / jobs.jobs));
  return jobs;
}

SweepOutcome RunSweep(const SweepPlan& plan, const SweepRequest& request) {
  const std::size_t before = FreezeSweep(plan, request.directory);
  if (before > 0 && before < plan.trials.size() && !request.quiet) {
    std::cerr << "the sweep grows from " << before << " to "
              << plan.trials.size() << " trials\n";
  }
  SweepOutcome outcome;
  std::map<std::size_t, TrialStatus> failures;
  std::vector<std::size_t> mine;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < plan.trials.size(); ++i) {
    if (i % request.shard.count != request.shard.index) continue;
    mine.push_back(i);
    const TrialStatus status =
        ReadTrialStatus(TrialFolder(request.directory, plan.trials[i].id()));
    const bool ended = status.state == TrialState::kDone ||
                       (status.is_failure() && !request.retry_failed);
    if (!ended) {
      open.push_back(i);
      continue;
    }
    ++outcome.skipped;
    if (status.is_failure()) failures[i] = status;
  }
  if (!request.quiet && outcome.skipped > 0) {
    std::cerr << outcome.skipped << " of " << mine.size()
              << " trials had ended before\n";
  }
  if (!open.empty()) {
    const Jobs jobs = ChooseJobs(request.jobs,
                                 ConfiguredThreads(plan),
                                 open.size(),
                                 record::DescribeHost().cores);
    Display display(mine.size(), outcome.skipped, request.quiet);
    outcome.stop = RunPool(
        plan,
        open,
        {.jobs = jobs.jobs,
         .request = {.directory = fs::absolute(request.directory),
                     .threads = jobs.threads,
                     .retry_failed = request.retry_failed,
                     .config_files = plan.source.files,
                     .command_line = request.command_line},
         .ended =
             [&](std::size_t i, const TrialStatus& status) {
               if (status.is_failure()) failures[i] = status;
               display.Ended(plan.Describe(plan.trials[i]), status);
             },
         .watched = [&](const PoolState& state) { display.Watch(state); }});
    display.Finish();
  }
  outcome.failures.assign(failures.begin(), failures.end());
  outcome.sweep = ReadSweep(request.directory);
  outcome.results = ReadResults(request.directory, outcome.sweep);
  core::WriteFileAtomically(request.directory / "results.csv",
                            ResultsCsv(outcome.sweep, outcome.results));
  return outcome;
}

}  // namespace fedtorch::study
