#include "fedtorch/record/binary_file.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

namespace fedtorch::record {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are written as they lie in memory");

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

}  // namespace

BinaryWriter::BinaryWriter(const std::filesystem::path& path) : path_(path) {
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) core::ThrowFileError(path, "cannot be created", errno);
  buffer_.reserve(kBufferBytes);
}

BinaryWriter::~BinaryWriter() {
  if (file_ >= 0) ::close(file_);
}

void BinaryWriter::Bytes(std::span<const std::byte> bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) Flush();
  if (bytes.size() > kBufferBytes) {
    WriteOut(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
}

void BinaryWriter::Text(std::string_view text) {
  Number(static_cast<std::uint32_t>(text.size()));
  Bytes(std::as_bytes(std::span(text)));
}

void BinaryWriter::Flush() {
  WriteOut(buffer_);
  buffer_.clear();
}

void BinaryWriter::WriteOut(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      core::ThrowFileError(path_, "writing failed", errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void BinaryWriter::Finish() {
  Flush();
  if (::fsync(file_) != 0) {
    core::ThrowFileError(path_, "flushing to disk failed", errno);
  }
  // Network file systems report a full disk as late as at close.
  if (::close(std::exchange(file_, -1)) != 0 && errno != EINTR) {
    core::ThrowFileError(path_, "writing failed", errno);
  }
}

BinaryReader::BinaryReader(const std::filesystem::path& path) : path_(path) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) core::ThrowFileError(path, "cannot be opened", errno);
  struct stat facts {};
  if (::fstat(file_, &facts) != 0) {
    const int error = errno;
    ::close(std::exchange(file_, -1));
    core::ThrowFileError(path, "cannot be examined", error);
  }
  size_ = static_cast<std::uint64_t>(facts.st_size);
}

BinaryReader::~BinaryReader() {
  if (file_ >= 0) ::close(file_);
}

void BinaryReader::Fail(const std::string& problem) const {
  throw core::RunError(path_.string() + ": offset " + std::to_string(offset_) +
                       ": " + problem);
}

void BinaryReader::CheckLeft(std::uint64_t count,
                             std::uint64_t element_size) const {
  if (count > (size_ - offset_) / element_size) {
    Fail("expected " + std::to_string(count) + " values of " +
         std::to_string(element_size) + " bytes, found " +
         std::to_string(size_ - offset_) + " bytes");
  }
}

void BinaryReader::Fill(std::span<std::byte> out) {
  CheckLeft(out.size(), 1);
  while (!out.empty()) {
    if (next_ == buffer_.size()) {
      buffer_.resize(kBufferBytes);
      next_ = 0;
      ssize_t got = 0;
      do {
        got = ::read(file_, buffer_.data(), buffer_.size());
      } while (got < 0 && errno == EINTR);
      buffer_.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0) core::ThrowFileError(path_, "reading failed", errno);
      if (got == 0) Fail("the file became shorter while it was read");
    }
    const std::size_t part = std::min(out.size(), buffer_.size() - next_);
    std::memcpy(out.data(), buffer_.data() + next_, part);
    next_ += part;
    offset_ += part;
    out = out.subspan(part);
  }
}

std::string BinaryReader::Text() {
  const auto size = Number<std::uint32_t>();
  CheckLeft(size, 1);
  std::string text(size, '\0');
  Fill(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace fedtorch::record
