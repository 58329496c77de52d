#pragma once

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/json_line.h"
#include "fedtorch/record/client_table.h"
#include "fedtorch/record/status.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::record {

/// Holds what the folder of a new run is made from.
struct RunOptions {
  std::filesystem::path output_dir;  ///< `output.dir`; made when missing
  std::string name;                  ///< `name`, a folder below it
  std::string config_hash;           ///< hexadecimal, at least 8 digits
  std::uint64_t seed = 0;
  std::int64_t start = 0;       ///< seconds since 1970, UTC; names the folder
  std::string resolved_config;  ///< text of config.yaml
  std::vector<std::string> overrides;               ///< as given, e.g. "seed=3"
  std::vector<std::filesystem::path> config_files;  ///< as given, in order
};

/// Returns "<utc time>-<8 digits of the config hash>-s<seed>".
std::string RunId(const RunOptions& options);

/// Owns the folder of one run: <output.dir>/<name>/<run_id>/.
///
/// metrics.jsonl holds deterministic fields only, so that `cmp` of two of them
/// tells whether two runs agree; timing.jsonl holds what depends on the host.
/// Lines reach the disk at `Sync` at the latest; a killed process loses none.
/// The folder is locked while the object lives, also across processes; the
/// lock goes with the process. Errors are RunError with path and cause.
/// Threads: one caller.
class RunDirectory {
 public:
  /// Makes the folder of a new run and writes config.yaml, overrides.txt,
  /// config.src/ and status.json (running). A second run of the same second
  /// gets "-2" behind its name, and so on.
  /// Throws: RunError that names `output.dir` when it cannot be written to.
  static RunDirectory Create(const RunOptions& options);

  /// The same in exactly the folder `path`, which is made when missing;
  /// output_dir and name are not used. What an earlier call left half done is
  /// overwritten. Throws: RunError; also when another process writes to the
  /// run.
  static RunDirectory CreateAt(const std::filesystem::path& path,
                               const RunOptions& options);

  /// Opens the folder of a run that is to continue.
  /// Throws: RunError when it is not one or another process writes to it.
  static RunDirectory Open(const std::filesystem::path& path);

  ~RunDirectory();
  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&& other) noexcept;

  /// Cuts metrics.jsonl, timing.jsonl and clients.csv back to `round`: all
  /// lines of the round must have been appended before its checkpoint was
  /// written. Call it before anything is appended.
  /// Throws: RunError when metrics.jsonl is damaged or ends before `round`.
  void CutBackTo(std::int64_t round);

  /// Appends a line; a line that is to be cut on resume has a "round".
  void AppendMetrics(const core::JsonLine& line);
  void AppendTiming(const core::JsonLine& line);
  /// Appends rows, all or none. The first call writes the header; a file with
  /// other columns is an error. Requires: metrics.size() of every row equals
  /// metric_names.size().
  void AppendClients(std::span<const std::string> metric_names,
                     std::span<const ClientRow> rows);
  /// Waits until everything appended is on the disk.
  void Sync();

  void WriteManifest(std::string_view json) const;
  void WritePartition(std::string_view json) const;
  void WriteSummary(const core::JsonLine& summary) const;
  /// Writes status.json with the time and the process id of now.
  void SetStatus(RunState state,
                 std::int64_t round,
                 std::string_view message = {}) const;

  const std::filesystem::path& path() const { return path_; }
  std::string run_id() const { return path_.filename().string(); }
  std::filesystem::path config() const { return path_ / "config.yaml"; }
  std::filesystem::path manifest() const { return path_ / "manifest.json"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path timing() const { return path_ / "timing.jsonl"; }
  std::filesystem::path clients() const { return path_ / "clients.csv"; }
  std::filesystem::path partition() const { return path_ / "partition.json"; }
  std::filesystem::path summary() const { return path_ / "summary.json"; }
  std::filesystem::path status() const { return path_ / "status.json"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path model() const { return path_ / "model.npz"; }

 private:
  explicit RunDirectory(std::filesystem::path path);
  void Fill(const RunOptions& options) const;

  std::filesystem::path path_;
  int lock_ = -1;  // descriptor of the folder
  std::optional<core::AppendFile> metrics_;
  std::optional<core::AppendFile> timing_;
  std::optional<core::AppendFile> clients_;
};

/// Finds the newest run below <output_dir>/<name>/ with this config hash and
/// seed that did not finish (any state but done). A folder without a readable
/// status.json is passed over.
std::optional<std::filesystem::path> FindUnfinishedRun(
    const std::filesystem::path& output_dir,
    std::string_view name,
    std::string_view config_hash,
    std::uint64_t seed);

}  // namespace fedtorch::record
