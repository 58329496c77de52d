#pragma once

#include "fedtorch/data/reader.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace fedtorch::data {

/// Holds the content of a file, unpacked where the file is gzip.
struct ByteFile {
  std::filesystem::path path;
  std::string bytes;
  std::string sha256;  ///< of the file as it lies on the disk

  SourceFile source() const { return {path, sha256}; }
};

/// Reads a whole file. Whether it is gzip (RFC 1952, any number of members) is
/// decided by its first bytes, not by its name.
/// Throws: DataError when the file is missing, a folder or unreadable, and for
/// gzip that is truncated or corrupt, with the offset in the packed file.
/// Cost: the packed and the unpacked bytes at once. Threads: safe.
ByteFile ReadByteFile(const std::filesystem::path& path);

/// Unpacks gzip; `path` is only for messages. Throws: DataError.
std::string Gunzip(std::string_view packed, const std::filesystem::path& path);

/// Throws DataError "<path>: <message>".
[[noreturn]] void ThrowDataError(const std::filesystem::path& path,
                                 const std::string& message);
/// Throws DataError "<path>: byte <offset>: <message>"; offsets count from 0
/// in the unpacked content.
[[noreturn]] void ThrowDataErrorAtByte(const std::filesystem::path& path,
                                       std::uint64_t offset,
                                       const std::string& message);
/// Throws DataError "<path>:<line>: <message>"; lines count from 1.
[[noreturn]] void ThrowDataErrorAtLine(const std::filesystem::path& path,
                                       std::int64_t line,
                                       const std::string& message);

/// Formats text of a file for a message: quoted, at most 40 bytes of it, bytes
/// that are no printable ASCII as \xNN.
std::string Quoted(std::string_view text);

}  // namespace fedtorch::data
