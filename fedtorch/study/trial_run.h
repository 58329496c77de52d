#pragma once

#include "fedtorch/data/reader.h"
#include "fedtorch/study/sweep_plan.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace fedtorch::study {

/// Says how a trial stands.
enum class TrialState {
  kMissing,   ///< not begun, or stopped half-way: it can be continued
  kDone,      ///< finished with a summary
  kDiverged,  ///< its training left the finite numbers
  kFailed,    ///< ended with an error
};

/// Returns "missing", "done", "diverged" or "failed".
std::string_view ToText(TrialState state);
/// Reads what ToText wrote; nullopt for other words.
std::optional<TrialState> ParseTrialState(std::string_view word);

/// Holds how a trial stands and why.
struct TrialStatus {
  TrialState state = TrialState::kMissing;
  std::string message;  ///< the reason of a failure

  bool is_failure() const {
    return state == TrialState::kDiverged || state == TrialState::kFailed;
  }
};

/// Reads how the trial in a folder stands.
TrialStatus ReadTrialStatus(const std::filesystem::path& folder);

/// Keeps the samples that were read last, so that trials on the same data read
/// them once. Holds one corpus. Threads: one caller.
class CorpusCache {
 public:
  /// Lets `reader` ask this cache first; `key` is Trial::data_key.
  std::unique_ptr<data::Reader> Wrap(std::unique_ptr<data::Reader> reader,
                                     std::string key);
  const std::string& key() const { return key_; }

 private:
  friend class CachedReader;
  std::string key_;
  data::Corpus corpus_;
};

/// Holds what RunTrial needs beside the trial.
struct TrialRequest {
  std::filesystem::path directory;  ///< of the sweep
  /// Workers of the trial where its config leaves them to the machine.
  std::int64_t threads = 1;
  bool retry_failed = false;
  std::vector<std::filesystem::path> config_files;
  std::vector<std::string> command_line;
};

/// Runs a trial in its folder, or continues it there; a finished one is left
/// alone. Returns how it stands afterwards (kMissing after a stop by a
/// signal), or nullopt when another process has claimed it.
/// Throws: RunError when the claim or the outcome cannot be written.
std::optional<TrialStatus> RunTrial(const Trial& trial,
                                    const TrialRequest& request,
                                    CorpusCache* cache);

}  // namespace fedtorch::study
