#include "fedtorch/app/rows.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/npz.h"

#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace fedtorch::app {
namespace {

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw core::DataError(path.string() +
                          ": expected a CSV or NPY file, found "
                          "none that can be read");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

double Number(std::string_view cell,
              const std::filesystem::path& path,
              std::size_t line,
              std::size_t column) {
  std::string_view text = Trimmed(cell);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw core::DataError(
        path.string() + ":" + std::to_string(line) + ": column " +
        std::to_string(column) + ": expected a number, found '" +
        std::string(Trimmed(cell)) + "'; the file has no header line");
  }
  return value;
}

// Returns the number of columns.
std::int64_t ParseCsv(const std::string& bytes,
                      const std::filesystem::path& path,
                      std::vector<double>* values) {
  std::size_t columns = 0;
  std::size_t line = 0;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
    const std::string_view text =
        std::string_view(bytes).substr(start, end - start);
    start = end + 1;
    ++line;
    if (Trimmed(text).empty()) continue;
    std::size_t found = 0;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      values->push_back(
          Number(text.substr(at, comma - at), path, line, ++found));
      at = comma + 1;
    }
    if (columns == 0) columns = found;
    if (found != columns) {
      throw core::DataError(path.string() + ":" + std::to_string(line) +
                            ": expected " + std::to_string(columns) +
                            " numbers as in the first row, found " +
                            std::to_string(found));
    }
  }
  return static_cast<std::int64_t>(columns);
}

template <class T>
void Append(const core::NpyArray& array, std::vector<double>* values) {
  for (std::int64_t i = 0; i < array.size(); ++i) {
    T value;
    std::memcpy(&value,
                array.data.data() + static_cast<std::size_t>(i) * sizeof(T),
                sizeof(T));
    values->push_back(static_cast<double>(value));
  }
}

std::int64_t ParseArray(const std::string& bytes,
                        const std::filesystem::path& path,
                        std::vector<double>* values) {
  const core::NpyArray array = core::ParseNpy(bytes, path.string());
  if (array.shape.size() != 1 && array.shape.size() != 2) {
    throw core::DataError(path.string() +
                          ": expected an array of one or two dimensions "
                          "[rows, values], found " +
                          std::to_string(array.shape.size()));
  }
  if (array.dtype == "<f4") {
    Append<float>(array, values);
  } else if (array.dtype == "<f8") {
    Append<double>(array, values);
  } else if (array.dtype == "<i4") {
    Append<std::int32_t>(array, values);
  } else if (array.dtype == "<i8") {
    Append<std::int64_t>(array, values);
  } else {
    throw core::DataError(path.string() +
                          ": expected numbers of type float32, float64, int32 "
                          "or int64, found '" +
                          array.dtype + "'");
  }
  return array.shape.back();
}

}  // namespace

Rows Rows::Read(const std::filesystem::path& path, bool as_double) {
  Rows rows;
  rows.path_ = path;
  rows.as_double_ = as_double;
  const std::string bytes = ReadAll(path);
  rows.dimension_ = bytes.starts_with("\x93NUMPY")
                        ? ParseArray(bytes, path, &rows.doubles_)
                        : ParseCsv(bytes, path, &rows.doubles_);
  if (rows.doubles_.empty()) {
    throw core::DataError(path.string() +
                          ": expected at least one row of "
                          "numbers, found none");
  }
  if (!as_double) {
    rows.floats_.reserve(rows.doubles_.size());
    for (const double value : rows.doubles_) {
      rows.floats_.push_back(static_cast<float>(value));
    }
    rows.doubles_.clear();
  }
  return rows;
}

std::int64_t Rows::num_rows() const {
  const std::size_t values = as_double_ ? doubles_.size() : floats_.size();
  return static_cast<std::int64_t>(values) / dimension_;
}

aggregate::UpdateTable Rows::Table() const {
  return as_double_ ? aggregate::UpdateTable::Of(
                          std::span<const double>(doubles_), dimension_)
                    : aggregate::UpdateTable::Of(
                          std::span<const float>(floats_), dimension_);
}

std::vector<double> Rows::OnlyRow(std::int64_t dimension) const {
  // A file with one number a line is a vector as well.
  const std::int64_t values = num_rows() * dimension_;
  if ((num_rows() != 1 && dimension_ != 1) || values != dimension) {
    throw core::DataError(path_.string() + ": expected one vector of " +
                          std::to_string(dimension) + " numbers, found " +
                          std::to_string(num_rows()) + " rows of " +
                          std::to_string(dimension_));
  }
  if (as_double_) return doubles_;
  return {floats_.begin(), floats_.end()};
}

}  // namespace fedtorch::app
