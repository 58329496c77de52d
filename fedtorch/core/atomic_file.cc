#include "fedtorch/core/atomic_file.h"

#include "fedtorch/core/errors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace fedtorch::core {
namespace {

std::string_view Advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose a folder on another disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a folder that you may write to";
    case ENOENT:
      return "check that the folder exists";
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
      return "move what is in the way or choose another folder";
    case EFBIG:
      return "raise the file size limit (ulimit -f)";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    case ENAMETOOLONG:
      return "choose a shorter name";
    default:
      return "check the disk";
  }
}

// Owns a descriptor until Release or the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int file) : file_(file) {}
  ~Descriptor() {
    if (file_ >= 0) ::close(file_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return file_; }
  int Release() { return std::exchange(file_, -1); }

 private:
  int file_;
};

int OpenOrThrow(const std::filesystem::path& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (file < 0) ThrowFileError(path, "cannot be opened", errno);
  return file;
}

// Returns 0 or the errno of the failure.
int WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// Network file systems report a full disk as late as at close.
int Close(Descriptor* file) {
  return ::close(file->Release()) == 0 || errno == EINTR ? 0 : errno;
}

// A name that no other writer of this machine uses at the moment; a leftover
// of a killed process with our number is passed over.
std::filesystem::path OpenTemporary(const std::filesystem::path& target,
                                    int* file) {
  static std::atomic<std::uint64_t> counter{0};
  for (;;) {
    std::filesystem::path path = target;
    path += ".tmp-" + std::to_string(::getpid()) + "-" +
            std::to_string(counter.fetch_add(1));
    *file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*file >= 0) return path;
    if (errno != EEXIST) {
      ThrowFileError(target, "cannot be created", errno);
    }
  }
}

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  return folder.empty() ? std::filesystem::path(".") : folder;
}

}  // namespace

void ThrowFileError(const std::filesystem::path& path,
                    std::string_view action,
                    int error) {
  throw RunError(path.string() + ": " + std::string(action) + ": " +
                 std::strerror(error) + "; " + std::string(Advice(error)));
}

void WriteFileAtomically(const std::filesystem::path& path,
                         std::string_view bytes) {
  // A rename would replace a device or a pipe by a file.
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {
    throw RunError(path.string() +
                   ": cannot be written: it exists and is not a file; move "
                   "what is in the way or choose another folder");
  }
  int descriptor = -1;
  const std::filesystem::path temporary = OpenTemporary(path, &descriptor);
  Descriptor file(descriptor);
  const auto fail = [&](std::string_view action, int error) {
    ::unlink(temporary.c_str());
    ThrowFileError(path, action, error);
  };
  if (const int error = WriteAll(file.get(), bytes); error != 0) {
    fail("writing failed", error);
  }
  if (::fsync(file.get()) != 0) fail("flushing to disk failed", errno);
  if (const int error = Close(&file); error != 0) {
    fail("writing failed", error);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    fail("cannot be put in place", errno);
  }
  SyncFolder(FolderOf(path));
}

void SyncFolder(const std::filesystem::path& folder) {
  const Descriptor file(OpenOrThrow(folder, O_RDONLY | O_DIRECTORY));
  // Some file systems cannot flush a folder and say EINVAL; nothing is lost
  // by them, they only promise less.
  if (::fsync(file.get()) != 0 && errno != EINVAL) {
    ThrowFileError(folder, "flushing to disk failed", errno);
  }
}

void SyncFile(const std::filesystem::path& path) {
  const Descriptor file(OpenOrThrow(path, O_RDONLY));
  if (::fsync(file.get()) != 0) {
    ThrowFileError(path, "flushing to disk failed", errno);
  }
}

AppendFile::AppendFile(const std::filesystem::path& path) : path_(path) {
  Descriptor file(OpenOrThrow(path, O_WRONLY | O_APPEND | O_CREAT));
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) {
    ThrowFileError(path, "cannot be examined", errno);
  }
  regular_ = S_ISREG(facts.st_mode);
  if (regular_ && facts.st_size > 0) {
    CutBefore(path, [](std::string_view) { return false; });
    if (::fstat(file.get(), &facts) != 0) {
      ThrowFileError(path, "cannot be examined", errno);
    }
  }
  size_ = regular_ ? static_cast<std::int64_t>(facts.st_size) : 0;
  file_ = file.Release();
}

AppendFile::~AppendFile() {
  if (file_ >= 0) ::close(file_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      regular_(other.regular_),
      ragged_(other.ragged_),
      size_(other.size_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  if (this != &other) {
    if (file_ >= 0) ::close(file_);
    path_ = std::move(other.path_);
    file_ = std::exchange(other.file_, -1);
    regular_ = other.regular_;
    ragged_ = other.ragged_;
    size_ = other.size_;
  }
  return *this;
}

void AppendFile::AppendLine(std::string_view line) {
  FEDTORCH_CHECK(line.find('\n') == std::string_view::npos,
                 "a line holds a newline: " + std::string(line));
  std::string text;
  text.reserve(line.size() + 1);
  text.append(line);
  text += '\n';
  AppendLines(text);
}

void AppendFile::AppendLines(std::string_view lines) {
  if (lines.empty()) return;
  FEDTORCH_CHECK(lines.back() == '\n', "the last line lacks its newline");
  if (ragged_) CutBack();
  const int error = WriteAll(file_, lines);
  if (error != 0) {
    ragged_ = regular_;
    // The cause is the failed write; should cutting back fail as well, the
    // next append tries it again before it writes.
    if (regular_ && ::ftruncate(file_, size_) == 0) ragged_ = false;
    ThrowFileError(path_, "writing failed", error);
  }
  size_ += static_cast<std::int64_t>(lines.size());
}

void AppendFile::CutBack() {
  if (::ftruncate(file_, size_) != 0) {
    ThrowFileError(path_, "cutting off a half-written line failed", errno);
  }
  ragged_ = false;
}

void AppendFile::Sync() {
  if (ragged_) CutBack();
  if (::fsync(file_) != 0 && errno != EINVAL) {
    ThrowFileError(path_, "flushing to disk failed", errno);
  }
}

CutLines CutBefore(
    const std::filesystem::path& path,
    const std::function<bool(std::string_view line)>& is_first_removed) {
  const Descriptor file(OpenOrThrow(path, O_RDWR));
  std::ifstream input(path, std::ios::binary);
  if (!input) ThrowFileError(path, "cannot be read", errno);
  CutLines count;
  std::int64_t keep_bytes = 0;
  bool removing = false;
  std::string line;
  while (std::getline(input, line)) {
    // Only a last line without its newline ends with the file.
    const bool half_written = input.eof();
    removing = removing || half_written || is_first_removed(line);
    if (removing) {
      ++count.removed;
    } else {
      ++count.kept;
      keep_bytes += static_cast<std::int64_t>(line.size()) + 1;
    }
  }
  if (input.bad()) ThrowFileError(path, "reading failed", EIO);
  if (count.removed == 0) return count;
  if (::ftruncate(file.get(), keep_bytes) != 0) {
    ThrowFileError(path, "cutting back failed", errno);
  }
  if (::fsync(file.get()) != 0) {
    ThrowFileError(path, "flushing to disk failed", errno);
  }
  return count;
}

CutLines TruncateToLines(const std::filesystem::path& path,
                         std::int64_t count) {
  std::int64_t seen = 0;
  return CutBefore(path, [&](std::string_view) { return seen++ >= count; });
}

}  // namespace fedtorch::core
