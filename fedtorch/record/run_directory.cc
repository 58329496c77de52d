#include "fedtorch/record/run_directory.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/record/round_lines.h"
#include "fedtorch/record/utc_time.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>
#include <tuple>
#include <utility>

namespace fedtorch::record {
namespace {

constexpr std::size_t kHashDigits = 8;
constexpr int kMostRunsASecond = 10000;

std::string HashAndSeed(std::string_view config_hash, std::uint64_t seed) {
  FEDTORCH_CHECK(
      config_hash.size() >= kHashDigits,
      "a config hash of " + std::to_string(config_hash.size()) + " digits");
  return "-" + std::string(config_hash.substr(0, kHashDigits)) + "-s" +
         std::to_string(seed);
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) core::ThrowFileError(path, "cannot be read", errno);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) core::ThrowFileError(path, "reading failed", EIO);
  return std::move(text).str();
}

void MakeFolders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) core::ThrowFileError(path, "cannot be created", error.value());
}

// mkdir either makes the folder or says that somebody else has it.
std::filesystem::path MakeRunFolder(const std::filesystem::path& folder,
                                    const std::string& run_id) {
  for (int number = 1; number <= kMostRunsASecond; ++number) {
    std::filesystem::path path = folder / run_id;
    if (number > 1) path += "-" + std::to_string(number);
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) core::ThrowFileError(path, "cannot be created", errno);
  }
  throw core::RunError((folder / run_id).string() + ": " +
                       std::to_string(kMostRunsASecond) +
                       " runs of this name exist; remove some");
}

int LockFolder(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) core::ThrowFileError(path, "cannot be opened", errno);
  // File systems without locks are used unlocked.
  if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(file);
    throw core::RunError(path.string() +
                         ": another process is writing to this run (its "
                         "number stands in status.json); wait for it or stop "
                         "it");
  }
  return file;
}

core::AppendFile& OpenOnce(const std::filesystem::path& path,
                           std::optional<core::AppendFile>* file) {
  if (!*file) file->emplace(path);
  return **file;
}

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Splits "<time>-<hash>-s<seed>[-<number>]" into time and number, so that runs
// can be put in the order in which they began.
std::optional<std::pair<std::string, int>> OrderOf(const std::string& folder,
                                                   const std::string& middle) {
  const std::size_t at = folder.find('-');
  if (at == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(folder).substr(at);
  if (!rest.starts_with(middle)) return std::nullopt;
  rest.remove_prefix(middle.size());
  int number = 1;
  if (!rest.empty()) {
    if (rest.front() != '-') return std::nullopt;
    rest.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || end != rest.data() + rest.size()) {
      return std::nullopt;
    }
  }
  return std::pair(folder.substr(0, at), number);
}

}  // namespace

std::string RunId(const RunOptions& options) {
  return UtcStamp(options.start) +
         HashAndSeed(options.config_hash, options.seed);
}

RunDirectory RunDirectory::Create(const RunOptions& options) {
  try {
    const std::filesystem::path folder = options.output_dir / options.name;
    MakeFolders(folder);
    RunDirectory run(MakeRunFolder(folder, RunId(options)));
    run.Fill(options);
    core::SyncFolder(folder);
    return run;
  } catch (const core::RunError& error) {
    throw core::RunError(std::string("output.dir: ") + error.what());
  }
}

RunDirectory RunDirectory::CreateAt(const std::filesystem::path& path,
                                    const RunOptions& options) {
  MakeFolders(path);
  RunDirectory run(std::filesystem::canonical(path));
  run.Fill(options);
  core::SyncFolder(path.parent_path());
  return run;
}

RunDirectory RunDirectory::Open(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path) ||
      !std::filesystem::exists(path / "config.yaml")) {
    throw core::RunError(path.string() +
                         ": is not the folder of a run: it holds no "
                         "config.yaml; name a folder such as "
                         "runs/<name>/<time>-<hash>-s<seed>");
  }
  // A trailing slash would hide the name of the folder.
  const std::filesystem::path absolute = std::filesystem::canonical(path);
  return RunDirectory(absolute);
}

RunDirectory::RunDirectory(std::filesystem::path path)
    : path_(std::move(path)), lock_(LockFolder(path_)) {}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      metrics_(std::move(other.metrics_)),
      timing_(std::move(other.timing_)),
      clients_(std::move(other.clients_)) {}

RunDirectory& RunDirectory::operator=(RunDirectory&& other) noexcept {
  if (this != &other) {
    if (lock_ >= 0) ::close(lock_);
    path_ = std::move(other.path_);
    lock_ = std::exchange(other.lock_, -1);
    metrics_ = std::move(other.metrics_);
    timing_ = std::move(other.timing_);
    clients_ = std::move(other.clients_);
  }
  return *this;
}

void RunDirectory::Fill(const RunOptions& options) const {
  core::WriteFileAtomically(config(), options.resolved_config);
  std::string overrides;
  for (const std::string& override_text : options.overrides) {
    overrides += override_text + "\n";
  }
  core::WriteFileAtomically(path_ / "overrides.txt", overrides);
  const std::filesystem::path sources = path_ / "config.src";
  MakeFolders(sources);
  // Numbered, because later files win over earlier ones and two of them may
  // have one name.
  for (std::size_t i = 0; i < options.config_files.size(); ++i) {
    const std::filesystem::path& file = options.config_files[i];
    core::WriteFileAtomically(
        sources / (std::to_string(i + 1) + "-" + file.filename().string()),
        ReadText(file));
  }
  MakeFolders(checkpoints());
  SetStatus(RunState::kRunning, 0);
}

void RunDirectory::CutBackTo(std::int64_t round) {
  FEDTORCH_CHECK(!metrics_ && !timing_ && !clients_,
                 "lines were appended before the files were cut back");
  const RoundLines left = CutJsonLines(metrics(), round);
  if (round > 0 && left.last_round < round) {
    throw core::RunError(
        metrics().string() + ": ends before round " + std::to_string(round) +
        ", the round of the checkpoint: the last line is of round " +
        std::to_string(std::max<std::int64_t>(left.last_round, 0)) +
        "; restore the file or start a new run");
  }
  CutJsonLines(timing(), round);
  CutClientLines(clients(), round);
}

void RunDirectory::AppendMetrics(const core::JsonLine& line) {
  OpenOnce(metrics(), &metrics_).AppendLine(line.ToString());
}

void RunDirectory::AppendTiming(const core::JsonLine& line) {
  OpenOnce(timing(), &timing_).AppendLine(line.ToString());
}

void RunDirectory::AppendClients(std::span<const std::string> metric_names,
                                 std::span<const ClientRow> rows) {
  const std::string header = ClientHeader(metric_names);
  core::AppendFile& file = OpenOnce(clients(), &clients_);
  std::string lines;
  if (file.size() == 0) {
    lines = header + "\n";
  } else if (const std::string found = FirstLine(clients()); found != header) {
    throw core::RunError(clients().string() + ":1: expected the columns " +
                         header + ", found " + found +
                         "; start a new run for other metrics");
  }
  for (const ClientRow& row : rows) {
    FEDTORCH_CHECK(row.metrics.size() == metric_names.size(),
                   "client " + std::to_string(row.client) + ": " +
                       std::to_string(row.metrics.size()) + " values for " +
                       std::to_string(metric_names.size()) + " metrics");
    lines += ClientLine(row) + "\n";
  }
  file.AppendLines(lines);
}

void RunDirectory::Sync() {
  for (std::optional<core::AppendFile>* file :
       {&metrics_, &timing_, &clients_}) {
    if (*file) (*file)->Sync();
  }
}

void RunDirectory::WriteManifest(std::string_view json) const {
  core::WriteFileAtomically(manifest(), json);
}

void RunDirectory::WritePartition(std::string_view json) const {
  core::WriteFileAtomically(partition(), json);
}

void RunDirectory::WriteSummary(const core::JsonLine& summary) const {
  core::WriteFileAtomically(this->summary(), summary.ToIndented());
}

void RunDirectory::SetStatus(RunState state,
                             std::int64_t round,
                             std::string_view message) const {
  core::WriteFileAtomically(
      status(),
      StatusJson({.state = state,
                  .round = round,
                  .message = std::string(message),
                  .updated = UnixSeconds(),
                  .process = static_cast<std::int64_t>(::getpid())}));
}

std::optional<std::filesystem::path> FindUnfinishedRun(
    const std::filesystem::path& output_dir,
    std::string_view name,
    std::string_view config_hash,
    std::uint64_t seed) {
  const std::filesystem::path folder = output_dir / name;
  const std::string middle = HashAndSeed(config_hash, seed);
  std::error_code error;
  std::optional<std::pair<std::string, int>> best;
  std::filesystem::path path;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto order = OrderOf(entry.path().filename().string(), middle);
    if (!order || (best && *order < *best)) continue;
    try {
      if (ReadStatus(entry.path() / "status.json").state == RunState::kDone) {
        continue;
      }
    } catch (const core::RunError&) {
      continue;  // killed while its folder was being made: nothing to resume
    }
    best = order;
    path = entry.path();
  }
  if (!best) return std::nullopt;
  return path;
}

}  // namespace fedtorch::record
