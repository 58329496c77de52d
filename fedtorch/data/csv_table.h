#pragma once

#include "fedtorch/data/byte_file.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::data {

/// Holds the cells of a file with separated values as views into its bytes.
///
/// Lines end with LF, CRLF or CR; blank lines are skipped; a UTF-8 byte order
/// mark is skipped. A field in double quotes may hold delimiters, line ends and
/// "" for one quote; spaces around a field are not part of it.
/// Cost: 16 bytes a cell beside the file. Threads: safe to read.
/// Source: RFC 4180, with the liberties above.
class CsvTable {
 public:
  /// Splits a file. Without a header the columns are named "0", "1", ...
  /// Throws: DataError with the line: a row with another number of fields than
  /// the first one, an open quote, text after a closing quote, a column name
  /// used twice, no row at all.
  static CsvTable Parse(ByteFile file, char delimiter, bool header);

  std::size_t rows() const { return lines_.size(); }
  std::size_t columns() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  std::string_view At(std::size_t row, std::size_t column) const {
    return cells_[row * names_.size() + column];
  }
  /// Returns the line on which a row begins, from 1.
  std::int64_t LineOf(std::size_t row) const { return lines_[row]; }
  const ByteFile& file() const { return *file_; }
  const std::filesystem::path& path() const { return file_->path; }

 private:
  // On the heap, so that moving a table leaves the views valid.
  std::unique_ptr<const ByteFile> file_;
  std::deque<std::string> unquoted_;  // fields that held a quote
  std::vector<std::string> names_;
  std::vector<std::string_view> cells_;
  std::vector<std::int64_t> lines_;
};

}  // namespace fedtorch::data
