#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace fedtorch::core {

/// Throws RunError "<path>: <action>: <what errno says>; <what to do>", for
/// example "runs/a/status.json: writing failed: No space left on device; ...".
/// `error` is the value of errno.
[[noreturn]] void ThrowFileError(const std::filesystem::path& path,
                                 std::string_view action,
                                 int error);

/// Writes a file whole or not at all: into a temporary file of the same
/// folder, which is flushed to disk and then renamed. A reader sees the old
/// content or the new one, also after a power cut.
/// Throws: RunError with path and cause; the temporary file is gone then and
/// an older file of that name stands untouched.
/// Threads: safe for different paths.
void WriteFileAtomically(const std::filesystem::path& path,
                         std::string_view bytes);

/// Flushes the entries of a folder to disk, so that files created, renamed or
/// removed in it stay so after a power cut. Throws: RunError.
void SyncFolder(const std::filesystem::path& folder);

/// Flushes the content of a file to disk. Throws: RunError.
void SyncFile(const std::filesystem::path& path);

/// Appends whole lines to a text file, so that a kill at any moment leaves
/// whole lines. One process writes a file. Not for several threads at once.
class AppendFile {
 public:
  /// Opens or creates the file. A last line that lacks its newline was cut
  /// short by a kill and is removed. Throws: RunError.
  explicit AppendFile(const std::filesystem::path& path);
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Appends a line; `line` holds no newline, it is added here.
  /// Throws: RunError; the file ends with the last whole line then, and a
  /// later call may succeed, for example once there is space again.
  void AppendLine(std::string_view line);
  /// Appends several lines at once, all or none; each ends with a newline.
  void AppendLines(std::string_view lines);
  /// Waits until everything appended is on the disk. Throws: RunError.
  void Sync();

  const std::filesystem::path& path() const { return path_; }
  /// Bytes of whole lines in the file.
  std::int64_t size() const { return size_; }

 private:
  void CutBack();

  std::filesystem::path path_;
  int file_ = -1;
  bool regular_ = false;  // a device or pipe cannot be cut back
  bool ragged_ = false;   // holds a part of a line beyond size_
  std::int64_t size_ = 0;
};

/// Counts the lines of a CutBefore call.
struct CutLines {
  std::int64_t kept = 0;
  std::int64_t removed = 0;  ///< a half-written last line counts as one
};

/// Cuts a text file before the first line for which `is_first_removed` says
/// true; a last line without its newline is always removed. The file is
/// flushed to disk. Throws: RunError, and what the callback throws; the file
/// is untouched then.
CutLines CutBefore(
    const std::filesystem::path& path,
    const std::function<bool(std::string_view line)>& is_first_removed);

/// Cuts a text file back to its first `count` lines; see CutBefore.
CutLines TruncateToLines(const std::filesystem::path& path, std::int64_t count);

}  // namespace fedtorch::core
