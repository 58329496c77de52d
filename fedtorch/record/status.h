#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace fedtorch::record {

/// Says how a run stands. A run that was killed still says kRunning.
enum class RunState { kRunning, kDone, kFailed, kPreempted, kDiverged };

/// Returns "running", "done", "failed", "preempted" or "diverged".
std::string_view ToText(RunState state);

/// Holds the content of status.json.
struct Status {
  RunState state = RunState::kRunning;
  std::int64_t round = 0;    ///< last finished round, 0 = none yet
  std::string message;       ///< why it ended, empty while all is well
  std::int64_t updated = 0;  ///< seconds since 1970, UTC
  std::int64_t process = 0;  ///< process id of the writer
};

/// Formats status.json: state, round, message, updated, pid.
std::string StatusJson(const Status& status);

/// Reads status.json. Throws: RunError when it is missing or damaged.
Status ReadStatus(const std::filesystem::path& path);

}  // namespace fedtorch::record
