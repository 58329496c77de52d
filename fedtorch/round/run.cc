#include "fedtorch/round/run.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/partition/skew.h"
#include "fedtorch/record/interrupt.h"
#include "fedtorch/record/manifest.h"
#include "fedtorch/record/partition_record.h"
#include "fedtorch/record/run_directory.h"
#include "fedtorch/round/adversaries.h"
#include "fedtorch/round/report_lines.h"
#include "fedtorch/round/saved_state.h"
#include "fedtorch/round/sync_round.h"

#include <unistd.h>

#include <chrono>
#include <ctime>
#include <iostream>

namespace fedtorch::round {
namespace {

// Below this a core's matrix products are an order of magnitude too slow:
// LibTorch then runs without an optimised math library.
constexpr double kSlowGigaflops = 20.0;
constexpr std::size_t kBytesPerMegabyte = 1000 * 1000;

std::int64_t Now() { return static_cast<std::int64_t>(std::time(nullptr)); }

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Owns one run from its folder to its last line.
class RunSession {
 public:
  RunSession(Experiment& experiment, const RunRequest& request)
      : experiment_(experiment),
        request_(request),
        world_(BuildWorld(experiment)),
        workers_(WorkerCount(experiment), experiment, world_),
        guard_(request.quiet ? -1 : STDERR_FILENO),
        directory_(OpenDirectory()),
        checkpoints_(directory_.checkpoints(), experiment.checkpoint_keep),
        store_(static_cast<std::size_t>(experiment.state_memory_mb) *
                   kBytesPerMegabyte,
               directory_.path()),
        model_(GlobalModel::Initial(world_.network, experiment.seed)),
        evaluation_(experiment, world_, workers_, store_),
        rounds_(experiment, world_, workers_, store_) {}

  RunResult Run() {
    try {
      Start();
      return Loop();
    } catch (const core::Diverged& error) {
      Fail(record::RunState::kDiverged, error.what(), 3);
      throw;
    } catch (const std::exception& error) {
      Fail(record::RunState::kFailed, error.what(), 1);
      throw;
    }
  }

 private:
  record::RunDirectory OpenDirectory() const {
    if (request_.resume) return record::RunDirectory::Open(*request_.resume);
    const record::RunOptions options{
        .output_dir = experiment_.output_dir,
        .name = experiment_.name,
        .config_hash = request_.config_hash,
        .seed = experiment_.seed,
        .start = Now(),
        .resolved_config = request_.resolved_config,
        .overrides = request_.overrides,
        .config_files = request_.config_files};
    return request_.directory
               ? record::RunDirectory::CreateAt(*request_.directory, options)
               : record::RunDirectory::Create(options);
  }

  void Start() {
    CheckSpeed();
    experiment_.method->Start(
        static_cast<std::size_t>(world_.network.num_parameters()));
    StartAttack(experiment_, world_);
    manifest_ = MakeManifest();
    if (request_.resume) {
      Continue();
    } else {
      directory_.WritePartition(PartitionText());
    }
    directory_.WriteManifest(record::ManifestJson(manifest_));
    for (const std::string& note : world_.corpus.notes) Note("data: " + note);
    NoteMemory();
    if (done_ == 0) {
      EvaluationReport report;
      const bool due = evaluation_.IsDue(0);
      if (due) report = evaluation_.Run(0, model_);
      directory_.AppendMetrics(MetricsLine(nullptr, due ? &report : nullptr));
      Save();
    }
    directory_.SetStatus(record::RunState::kRunning, done_);
  }

  // Takes up a run where its newest intact checkpoint stands.
  void Continue() {
    // A run killed in its first moments has no manifest yet.
    if (std::filesystem::exists(directory_.manifest())) {
      const record::ManifestHistory history =
          record::ReadManifestHistory(directory_.manifest());
      manifest_.start = history.start;
      manifest_.resumed = history.resumed;
    }
    if (request_.config_changed) {
      core::WriteFileAtomically(directory_.config(), request_.resolved_config);
    }
    if (checkpoints_.Rounds().empty()) {
      // Killed before the first checkpoint: everything is done again.
      directory_.CutBackTo(-1);
      if (!std::filesystem::exists(directory_.partition())) {
        directory_.WritePartition(PartitionText());
      }
    } else {
      const record::LoadedCheckpoint checkpoint = checkpoints_.Load(
          request_.config_changed ? "" : request_.config_hash);
      for (const std::string& warning : checkpoint.warnings()) Note(warning);
      RestoreState(checkpoint, experiment_, &model_, store_);
      done_ = checkpoint.state().round;
      // From round 0 on the line before the first round is written again.
      directory_.CutBackTo(done_ == 0 ? -1 : done_);
    }
    manifest_.resumed.push_back({.round = done_, .time = Now()});
    Note("continuing after round " + std::to_string(done_));
  }

  RunResult Loop() {
    record::Progress progress(
        std::cerr,
        {.mode =
             request_.quiet ? record::ProgressMode::kNone : request_.progress,
         .terminal = record::Terminal::Detect(STDERR_FILENO),
         .rounds = experiment_.rounds,
         .first_done = done_},
        Seconds);
    while (done_ < experiment_.rounds) {
      OneRound(&progress);
      const record::StopRequest stop = guard_.Requested();
      if (stop != record::StopRequest::kNone && done_ < experiment_.rounds) {
        progress.Finish();
        return Stop(stop);
      }
    }
    progress.Finish();
    return Finish();
  }

  void OneRound(record::Progress* progress) {
    const std::int64_t round = done_ + 1;
    const double start = Seconds();
    const RoundReport report = rounds_.Run(round, &model_);
    EvaluationReport evaluation;
    const bool due = evaluation_.IsDue(round);
    if (due) evaluation = evaluation_.Run(round, model_);
    const double recording = Seconds();
    if (experiment_.per_client == "all") {
      directory_.AppendClients(ClientColumns(), UpdateRows(report));
    }
    if (experiment_.per_client != "none" && !evaluation.clients.empty()) {
      directory_.AppendClients(ClientColumns(), ScoreRows(round, evaluation));
    }
    directory_.AppendMetrics(MetricsLine(&report, due ? &evaluation : nullptr));
    const double end = Seconds();
    directory_.AppendTiming(TimingLine(
        round, report, evaluation.seconds, end - recording, end - start));
    done_ = round;
    const std::int64_t every = experiment_.checkpoint_every;
    if (every > 0 && round % every == 0 && round < experiment_.rounds) Save();

    for (const auto& [name, value] : evaluation.metrics) {
      if (name == "test/accuracy" ||
          name == "clients/test/accuracy/weighted_mean") {
        accuracy_ = value;
      }
    }
    if (!report.skipped.empty()) {
      progress->Note("round " + std::to_string(round) +
                     ": nothing moved: " + report.skipped);
    }
    if (report.num_rejected() > 0) {
      progress->Note("round " + std::to_string(round) + ": " +
                     std::to_string(report.num_rejected()) +
                     " updates set aside, see cohort/rejections in " +
                     directory_.metrics().string());
    }
    progress->Update({.round = round,
                      .client_steps = report.num_steps(),
                      .loss = report.train_loss,
                      .accuracy = accuracy_});
  }

  void Save() {
    directory_.Sync();
    SaveState(checkpoints_,
              done_,
              request_.config_hash,
              experiment_,
              world_,
              model_,
              store_);
    directory_.SetStatus(record::RunState::kRunning, done_);
  }

  RunResult Stop(record::StopRequest stop) {
    Save();
    const bool by_person = stop == record::StopRequest::kInterrupt;
    const int code = by_person ? 130 : 75;
    const std::string message = "stopped after round " + std::to_string(done_) +
                                " of " + std::to_string(experiment_.rounds) +
                                " with a checkpoint";
    directory_.SetStatus(record::RunState::kPreempted, done_, message);
    CloseManifest(code);
    std::cerr << message << "\ncontinue with: fedrun resume "
              << directory_.path().string() << '\n';
    return {directory_.path(), SummaryText(), code};
  }

  RunResult Finish() {
    Save();
    core::WriteFileAtomically(
        directory_.model(),
        core::NpzBytes(ModelArraysOf(world_.network, model_)));
    const std::string summary = SummaryText();
    CloseManifest(0);
    directory_.SetStatus(record::RunState::kDone, done_);
    return {directory_.path(), summary, 0};
  }

  std::string SummaryText() const {
    const core::JsonLine summary = Summary();
    directory_.WriteSummary(summary);
    return summary.ToIndented();
  }

  core::JsonLine Summary() const {
    return SummaryLine(directory_.metrics(),
                       experiment_.evaluation.target_accuracy,
                       model_.Hash());
  }

  // Reports a failure without hiding it behind another, e.g. on a full disk.
  void Fail(record::RunState state,
            const std::string& message,
            int code) noexcept {
    try {
      directory_.SetStatus(state, done_, message);
      CloseManifest(code);
    } catch (const std::exception& error) {
      std::cerr << "note: the failure could not be recorded: " << error.what()
                << '\n';
    }
  }

  void CloseManifest(int code) {
    manifest_.end = Now();
    manifest_.exit_status = code;
    directory_.WriteManifest(record::ManifestJson(manifest_));
  }

  record::Manifest MakeManifest() const {
    const engine::LibraryInfo library = engine::DescribeLibrary();
    record::Manifest manifest;
    manifest.name = experiment_.name;
    manifest.run_id = directory_.run_id();
    manifest.command_line = request_.command_line;
    manifest.seed = experiment_.seed;
    manifest.partition_seed = experiment_.partition_seed;
    manifest.config_hash = request_.config_hash;
    manifest.partition_hash = partition::PartitionHash(world_.split.shards);
    for (const data::SourceFile& file : world_.corpus.files) {
      manifest.data_files.push_back({file.path.string(), file.sha256});
    }
    manifest.engine = world_.engine.name;
    manifest.engine_reason = world_.engine.reason;
    manifest.instruction_set = world_.engine.instruction_set;
    const Execution& execution = world_.execution;
    manifest.device = execution.device.name;
    if (execution.device.name != "cpu") {
      manifest.device += " (" + execution.device.description + ")";
    }
    manifest.device_reason = execution.device_reason;
    manifest.executor = execution.executor();
    manifest.executor_reason = execution.executor_reason;
    manifest.wave = execution.wave;
    manifest.threads = workers_.count();
    manifest.libraries.push_back(
        {"LibTorch", library.version, library.configuration});
    manifest.start = Now();
    manifest.build = record::DescribeBuild();
    manifest.host = record::DescribeHost();
    return manifest;
  }

  std::string PartitionText() const {
    const partition::ClassCounts counts =
        partition::CountClasses(world_.split.shards, world_.corpus.train);
    const partition::Skew skew =
        partition::MeasureSkew(world_.split.shards, world_.corpus.train);
    return record::PartitionJson({.kind = experiment_.partitioner_name,
                                  .split = world_.split,
                                  .sets = world_.client_sets,
                                  .counts = counts,
                                  .skew = skew});
  }

  void CheckSpeed() {
    engine::PrepareThread();
    const double gigaflops = engine::MeasureSgemm(512);
    if (gigaflops < kSlowGigaflops) {
      Note("warning: matrix products run at " + std::to_string(gigaflops) +
           " GFLOP/s on one core, which is far too slow; see fedrun doctor");
    }
  }

  void NoteMemory() {
    const std::size_t vectors = experiment_.method->state_names().size();
    if (vectors == 0) return;
    const double megabytes =
        static_cast<double>(vectors) * 4e-6 *
        static_cast<double>(world_.network.num_parameters()) *
        static_cast<double>(world_.num_clients());
    Note("client state: up to " +
         std::to_string(static_cast<std::int64_t>(megabytes) + 1) +
         " MB once every client has taken part; beyond "
         "runtime.state_memory_mb = " +
         std::to_string(experiment_.state_memory_mb) + " it goes to disk");
  }

  void Note(const std::string& text) const {
    if (!request_.quiet) std::cerr << text << '\n';
  }

  Experiment& experiment_;
  const RunRequest& request_;
  const World world_;
  Workers workers_;
  // Before the folder, whose status says from its first moment that the run
  // goes on: a signal between the two would leave it so for ever.
  record::InterruptGuard guard_;
  record::RunDirectory directory_;
  record::CheckpointFolder checkpoints_;
  client::StateStore store_;
  GlobalModel model_;
  Evaluation evaluation_;
  SyncRound rounds_;
  record::Manifest manifest_;
  std::int64_t done_ = 0;
  std::optional<double> accuracy_;
};

}  // namespace

RunResult Execute(Experiment& experiment, const RunRequest& request) {
  RunSession session(experiment, request);
  return session.Run();
}

}  // namespace fedtorch::round
