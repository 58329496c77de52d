#include "fedtorch/record/status.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/json_line.h"
#include "fedtorch/record/utc_time.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <utility>

namespace fedtorch::record {
namespace {

constexpr std::array<std::pair<RunState, std::string_view>, 5> kStates{{
    {RunState::kRunning, "running"},
    {RunState::kDone, "done"},
    {RunState::kFailed, "failed"},
    {RunState::kPreempted, "preempted"},
    {RunState::kDiverged, "diverged"},
}};

}  // namespace

std::string_view ToText(RunState state) {
  for (const auto& [known, text] : kStates) {
    if (known == state) return text;
  }
  FEDTORCH_CHECK(false, "unknown state of a run");
}

std::string StatusJson(const Status& status) {
  return core::JsonLine()
      .Add("state", ToText(status.state))
      .Add("round", status.round)
      .Add("message", status.message)
      .Add("updated", UtcText(status.updated))
      .Add("updated_unix_s", status.updated)
      .Add("pid", status.process)
      .ToIndented();
}

Status ReadStatus(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) core::ThrowFileError(path, "cannot be read", errno);
  try {
    const auto json = nlohmann::json::parse(file);
    const auto word = json.at("state").get<std::string>();
    const auto known =
        std::find_if(kStates.begin(), kStates.end(), [&](const auto& entry) {
          return entry.second == word;
        });
    if (known == kStates.end()) {
      throw core::RunError(path.string() + ": unknown state '" + word +
                           "'; was it written by a newer fedtorch?");
    }
    return {.state = known->first,
            .round = json.at("round").get<std::int64_t>(),
            .message = json.at("message").get<std::string>(),
            .updated = json.at("updated_unix_s").get<std::int64_t>(),
            .process = json.at("pid").get<std::int64_t>()};
  } catch (const nlohmann::json::exception& error) {
    throw core::RunError(path.string() + ": is damaged: " + error.what());
  }
}

}  // namespace fedtorch::record
