#include "fedtorch/study/trial_run.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/record/claim.h"
#include "fedtorch/record/status.h"
#include "fedtorch/record/utc_time.h"
#include "fedtorch/round/run.h"
#include "fedtorch/study/sweep_file.h"

#include <tbb/global_control.h>
#include <unistd.h>

#include <array>
#include <new>
#include <utility>

namespace fedtorch::study {
namespace {

namespace fs = std::filesystem;

constexpr std::array kStates{TrialState::kMissing,
                             TrialState::kDone,
                             TrialState::kDiverged,
                             TrialState::kFailed};

// The run records its own failures once it has a folder with a config; what
// fails before that, such as missing data, is recorded here.
void RecordFailure(const fs::path& folder, const std::string& message) {
  if (ReadTrialStatus(folder).message == message) return;
  fs::create_directories(folder);
  core::WriteFileAtomically(
      folder / "status.json",
      record::StatusJson({.state = record::RunState::kFailed,
                          .message = message,
                          .updated = record::UnixSeconds(),
                          .process = static_cast<std::int64_t>(::getpid())}));
}

void Execute(const Trial& trial,
             const TrialRequest& request,
             const fs::path& folder,
             CorpusCache* cache) {
  config::Document document =
      config::Document::FromText(trial.config_yaml, trial.id());
  round::Experiment experiment = round::Experiment::Read(document.Root());
  document.Finish();
  experiment.reader = cache->Wrap(std::move(experiment.reader), trial.data_key);
  if (!experiment.threads) experiment.threads = request.threads;
  // Reading and splitting data would otherwise use every core.
  const tbb::global_control control(
      tbb::global_control::max_allowed_parallelism,
      static_cast<std::size_t>(*experiment.threads));
  round::RunRequest run;
  run.resolved_config = trial.config_yaml;
  run.config_hash = trial.hash;
  run.config_files = request.config_files;
  run.command_line = request.command_line;
  run.quiet = true;
  // status.json is the last file that the making of a run writes.
  if (fs::exists(folder / "config.yaml") &&
      fs::exists(folder / "status.json")) {
    run.resume = folder;
  } else {
    run.directory = folder;
  }
  round::Execute(experiment, run);
}

}  // namespace

std::string_view ToText(TrialState state) {
  switch (state) {
    case TrialState::kMissing:
      return "missing";
    case TrialState::kDone:
      return "done";
    case TrialState::kDiverged:
      return "diverged";
    case TrialState::kFailed:
      return "failed";
  }
  return "";
}

std::optional<TrialState> ParseTrialState(std::string_view word) {
  for (const TrialState state : kStates) {
    if (ToText(state) == word) return state;
  }
  return std::nullopt;
}

TrialStatus ReadTrialStatus(const fs::path& folder) {
  const fs::path file = folder / "status.json";
  if (!fs::exists(file)) return {};
  try {
    const record::Status status = record::ReadStatus(file);
    switch (status.state) {
      case record::RunState::kDone:
        return {TrialState::kDone, ""};
      case record::RunState::kDiverged:
        return {TrialState::kDiverged, status.message};
      case record::RunState::kFailed:
        return {TrialState::kFailed, status.message};
      case record::RunState::kRunning:
      case record::RunState::kPreempted:
        break;
    }
  } catch (const core::RunError& error) {
    return {TrialState::kFailed, error.what()};
  }
  return {};
}

// Hands out the corpus of the cache when it is the one that is asked for.
class CachedReader final : public data::Reader {
 public:
  CachedReader(std::unique_ptr<data::Reader> reader,
               std::string key,
               CorpusCache* cache)
      : reader_(std::move(reader)), key_(std::move(key)), cache_(cache) {}

  data::Corpus Load(std::uint64_t seed) const override {
    if (cache_->key_ != key_) {
      cache_->key_.clear();
      cache_->corpus_ = {};  // never two of them at a time
      cache_->corpus_ = reader_->Load(seed);
      cache_->key_ = key_;
    }
    return cache_->corpus_;
  }

 private:
  std::unique_ptr<data::Reader> reader_;
  std::string key_;
  CorpusCache* cache_;
};

std::unique_ptr<data::Reader> CorpusCache::Wrap(
    std::unique_ptr<data::Reader> reader, std::string key) {
  return std::make_unique<CachedReader>(
      std::move(reader), std::move(key), this);
}

std::optional<TrialStatus> RunTrial(const Trial& trial,
                                    const TrialRequest& request,
                                    CorpusCache* cache) {
  const std::optional<record::Claim> claim =
      record::Claim::Try(request.directory / "claims" / trial.id());
  if (!claim) return std::nullopt;
  const fs::path folder = TrialFolder(request.directory, trial.id());
  // Another process may have finished it since this one looked.
  const TrialStatus before = ReadTrialStatus(folder);
  if (before.state == TrialState::kDone ||
      (before.is_failure() && !request.retry_failed)) {
    return before;
  }
  try {
    Execute(trial, request, folder, cache);
  } catch (const core::Diverged&) {
    // The run has said so in status.json.
  } catch (const std::bad_alloc&) {
    RecordFailure(folder, "out of memory; use a smaller -j");
  } catch (const std::exception& error) {
    RecordFailure(folder, error.what());
  }
  return ReadTrialStatus(folder);
}

}  // namespace fedtorch::study
