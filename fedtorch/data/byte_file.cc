#include "fedtorch/data/byte_file.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/hash.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <system_error>

namespace fedtorch::data {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 16;

bool IsGzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string ReadWhole(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    ThrowDataError(path, "no such file; check the path");
  }
  if (std::filesystem::is_directory(status)) {
    ThrowDataError(path, "expected a file, found a folder");
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    ThrowDataError(path,
                   std::string("opening failed: ") + std::strerror(errno) +
                       "; check the permissions of the file");
  }
  std::string bytes;
  const auto size = std::filesystem::file_size(path, error);
  if (!error) bytes.reserve(size);
  // The size is only a hint: the file may be a pipe, or grow meanwhile.
  std::string block(kBlock, '\0');
  while (stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    bytes.append(block, 0, static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) {
    ThrowDataErrorAtByte(path, bytes.size(), "reading failed");
  }
  return bytes;
}

/// Owns zlib's state, so that no way out leaks it.
class Inflater {
 public:
  Inflater() {
    // 15 bits of window, + 16: expect the gzip wrapper.
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK;
    FEDTORCH_CHECK(ready_, "zlib does not start");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

void ThrowDataError(const std::filesystem::path& path,
                    const std::string& message) {
  throw core::DataError(path.string() + ": " + message);
}

void ThrowDataErrorAtByte(const std::filesystem::path& path,
                          std::uint64_t offset,
                          const std::string& message) {
  ThrowDataError(path, "byte " + std::to_string(offset) + ": " + message);
}

void ThrowDataErrorAtLine(const std::filesystem::path& path,
                          std::int64_t line,
                          const std::string& message) {
  throw core::DataError(path.string() + ":" + std::to_string(line) + ": " +
                        message);
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 40;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string quoted = "'";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      quoted += c;
    } else {
      quoted += "\\x";
      quoted += kDigits[byte >> 4];
      quoted += kDigits[byte & 15];
    }
  }
  return quoted + (text.size() > kMost ? "...'" : "'");
}

std::string Gunzip(std::string_view packed, const std::filesystem::path& path) {
  constexpr std::string_view kAdvice = "; fetch the file again";
  Inflater inflater;
  z_stream& stream = inflater.stream();
  std::string out;
  std::string block(kBlock, '\0');
  std::size_t fed = 0;  // bytes handed to zlib, consumed or not
  const auto consumed = [&] { return fed - stream.avail_in; };
  while (true) {
    if (stream.avail_in == 0 && fed < packed.size()) {
      const std::size_t count = std::min(kBlock, packed.size() - fed);
      // zlib does not write through next_in; its type predates const.
      stream.next_in =
          reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + fed));
      stream.avail_in = static_cast<uInt>(count);
      fed += count;
    }
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.append(block, 0, block.size() - stream.avail_out);
    if (result == Z_STREAM_END) {
      const std::string_view rest = packed.substr(consumed());
      // gzip itself ignores zero padding (it comes from tapes).
      if (rest.find_first_not_of('\0') == std::string_view::npos) return out;
      if (!IsGzip(rest)) {
        ThrowDataError(path,
                       "gzip data end at byte " + std::to_string(consumed()) +
                           ", but other bytes follow" + std::string(kAdvice));
      }
      inflateReset(&stream);
    } else if (result == Z_BUF_ERROR && fed == packed.size() &&
               stream.avail_in == 0) {
      ThrowDataError(path,
                     "gzip data are truncated: the file ends at byte " +
                         std::to_string(packed.size()) + " after " +
                         std::to_string(out.size()) +
                         " unpacked bytes, expected more" +
                         std::string(kAdvice));
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      ThrowDataError(path,
                     "gzip data are corrupt near byte " +
                         std::to_string(consumed()) + ": " +
                         (stream.msg ? stream.msg : zError(result)) +
                         std::string(kAdvice));
    }
  }
}

ByteFile ReadByteFile(const std::filesystem::path& path) {
  ByteFile file{.path = path, .bytes = ReadWhole(path), .sha256 = {}};
  file.sha256 = core::Sha256Hex(std::string_view(file.bytes));
  if (IsGzip(file.bytes)) file.bytes = Gunzip(file.bytes, path);
  return file;
}

}  // namespace fedtorch::data
