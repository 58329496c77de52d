#include "fedtorch/data/csv_table.h"

#include <algorithm>
#include <set>
#include <utility>

namespace fedtorch::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

/// Walks over the fields of a file.
class Scanner {
 public:
  Scanner(const ByteFile& file,
          char delimiter,
          std::deque<std::string>* unquoted)
      : file_(file),
        text_(file.bytes),
        delimiter_(delimiter),
        unquoted_(unquoted) {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  /// Reads the next row that is not blank; false at the end of the file.
  bool ReadRow(std::vector<std::string_view>* fields, std::int64_t* line) {
    while (at_ < text_.size() && SkipBlankLine()) {
    }
    if (at_ == text_.size()) return false;
    *line = line_;
    fields->clear();
    do {
      fields->push_back(ReadField());
    } while (AcceptDelimiter());
    AcceptLineEnd();
    return true;
  }

 private:
  bool IsSpace(char c) const { return IsBlank(c) && c != delimiter_; }

  void SkipSpaces() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  bool SkipBlankLine() {
    std::size_t end = at_;
    while (end < text_.size() && IsSpace(text_[end])) ++end;
    if (end < text_.size() && !IsLineEnd(text_[end])) return false;
    at_ = end;
    AcceptLineEnd();
    return true;
  }

  bool AcceptDelimiter() {
    if (at_ == text_.size() || text_[at_] != delimiter_) return false;
    ++at_;
    return true;
  }

  void AcceptLineEnd() {
    if (at_ == text_.size()) return;
    const bool pair = text_.substr(at_, 2) == "\r\n";
    at_ += pair ? 2 : 1;
    ++line_;
  }

  std::string_view ReadField() {
    SkipSpaces();
    if (at_ < text_.size() && text_[at_] == '"') return ReadQuoted();
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != delimiter_ &&
           !IsLineEnd(text_[at_])) {
      ++at_;
    }
    std::size_t end = at_;
    while (end > start && IsSpace(text_[end - 1])) --end;
    return text_.substr(start, end - start);
  }

  std::string_view ReadQuoted() {
    const std::int64_t opened = line_;
    const std::size_t start = ++at_;
    bool doubled = false;
    while (true) {
      if (at_ == text_.size()) {
        ThrowDataErrorAtLine(file_.path,
                             opened,
                             "expected a closing quote for the field that "
                             "begins here, found the end of the file");
      }
      if (text_[at_] == '"') {
        if (text_.substr(at_, 2) != "\"\"") break;
        doubled = true;
        at_ += 2;
      } else if (IsLineEnd(text_[at_])) {
        AcceptLineEnd();
      } else {
        ++at_;
      }
    }
    std::string_view field = text_.substr(start, at_ - start);
    ++at_;
    SkipSpaces();
    if (at_ < text_.size() && text_[at_] != delimiter_ &&
        !IsLineEnd(text_[at_])) {
      ThrowDataErrorAtLine(
          file_.path,
          line_,
          "expected a delimiter or the end of the line after a closing "
          "quote, found " +
              Quoted(text_.substr(at_, 1)));
    }
    if (doubled) {
      std::string plain;
      for (std::size_t i = 0; i < field.size(); ++i) {
        plain += field[i];
        if (field[i] == '"') ++i;
      }
      field = unquoted_->emplace_back(std::move(plain));
    }
    return field;
  }

  const ByteFile& file_;
  std::string_view text_;
  char delimiter_;
  std::deque<std::string>* unquoted_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

CsvTable CsvTable::Parse(ByteFile file, char delimiter, bool header) {
  CsvTable table;
  table.file_ = std::make_unique<const ByteFile>(std::move(file));
  const std::filesystem::path& path = table.file_->path;
  Scanner scanner(*table.file_, delimiter, &table.unquoted_);
  std::vector<std::string_view> fields;
  std::int64_t line = 0;
  while (scanner.ReadRow(&fields, &line)) {
    if (table.names_.empty()) {
      for (std::size_t i = 0; i < fields.size(); ++i) {
        table.names_.push_back(header ? std::string(fields[i])
                                      : std::to_string(i));
      }
      std::set<std::string_view> different;
      for (const std::string& name : table.names_) {
        if (!different.insert(name).second) {
          ThrowDataErrorAtLine(path,
                               line,
                               "expected different column names, found " +
                                   Quoted(name) +
                                   " twice; is this a header? (key header)");
        }
      }
      if (header) continue;
    }
    if (fields.size() != table.names_.size()) {
      ThrowDataErrorAtLine(path,
                           line,
                           "expected " + std::to_string(table.names_.size()) +
                               " fields as in the first row, found " +
                               std::to_string(fields.size()) +
                               "; check the delimiter");
    }
    table.cells_.insert(table.cells_.end(), fields.begin(), fields.end());
    table.lines_.push_back(line);
  }
  if (table.rows() == 0) {
    ThrowDataError(path,
                   header && !table.names_.empty()
                       ? "expected rows after the header, found none"
                       : "expected rows, found an empty file");
  }
  return table;
}

}  // namespace fedtorch::data
