#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fedtorch::record {

/// Writes a new file piece by piece through one buffer, so that memory does
/// not grow with the file. Numbers are little endian. Errors: RunError.
class BinaryWriter {
 public:
  /// Creates the file; it must not exist.
  explicit BinaryWriter(const std::filesystem::path& path);
  ~BinaryWriter();
  BinaryWriter(const BinaryWriter&) = delete;
  BinaryWriter& operator=(const BinaryWriter&) = delete;

  void Bytes(std::span<const std::byte> bytes);
  template <class T>
  void Number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    Bytes(std::as_bytes(std::span(&value, 1)));
  }
  /// Writes the length (32 bits) and the bytes of a text.
  void Text(std::string_view text);
  /// Flushes everything to disk and closes the file.
  void Finish();

 private:
  void Flush();
  void WriteOut(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  int file_ = -1;
  std::vector<std::byte> buffer_;
};

/// Reads what BinaryWriter wrote. Every length is checked against what is left
/// of the file before memory is taken. Errors: RunError with file and offset.
class BinaryReader {
 public:
  explicit BinaryReader(const std::filesystem::path& path);
  ~BinaryReader();
  BinaryReader(const BinaryReader&) = delete;
  BinaryReader& operator=(const BinaryReader&) = delete;

  template <class T>
  T Number() {
    static_assert(std::is_arithmetic_v<T>);
    T value{};
    Fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  std::string Text();
  /// Reads `count` numbers.
  template <class T>
  std::vector<T> Numbers(std::uint64_t count) {
    CheckLeft(count, sizeof(T));
    std::vector<T> values(static_cast<std::size_t>(count));
    Fill(std::as_writable_bytes(std::span(values)));
    return values;
  }
  /// Fills a whole span.
  void Fill(std::span<std::byte> out);
  bool AtEnd() const { return offset_ == size_; }
  /// Throws RunError "<path>: offset <n>: <problem>".
  [[noreturn]] void Fail(const std::string& problem) const;

 private:
  void CheckLeft(std::uint64_t count, std::uint64_t element_size) const;

  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
  std::vector<std::byte> buffer_;
  std::size_t next_ = 0;  // first unread byte of buffer_
};

}  // namespace fedtorch::record
