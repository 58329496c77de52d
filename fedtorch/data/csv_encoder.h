#pragma once

#include "fedtorch/data/csv_columns.h"
#include "fedtorch/data/csv_table.h"
#include "fedtorch/data/reader.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fedtorch::data {

/// Says what to do about missing values.
struct CsvMissing {
  enum class Policy {
    kError,
    kDropRow,  ///< leave out every row that lacks a value
    kMean,     ///< numbers: mean of training rows; categories: none of them
  };
  Policy policy = Policy::kError;
  std::vector<std::string> spellings;
};

/// Points at one row of one of several tables.
struct CsvRow {
  std::size_t table = 0;
  std::size_t row = 0;
};

/// Turns rows of text into features and labels.
///
/// Numeric columns become one feature each, categorical ones a feature of 0 or
/// 1 for each value that occurs, in sorted order (by value if all are
/// integers, else by bytes). Labels are the indices of the target's values in
/// the same order, or whether a number is above a threshold.
class CsvEncoder {
 public:
  /// Looks at all rows: which of them are complete, which values occur.
  /// `positive_above`: label 1 = the target is a number above it.
  /// Requires: tables of equal columns; they outlive this object.
  /// Throws: DataError with line and column: a missing value that the policy
  /// does not allow, a categorical or target column of more than 1000 values.
  CsvEncoder(std::span<const CsvTable> tables,
             const CsvColumns& columns,
             const CsvMissing& missing,
             std::optional<double> positive_above);

  /// Rows that are kept, in the order of the tables.
  const std::vector<CsvRow>& rows() const { return rows_; }
  /// One mark a feature: 1 where it comes from a numeric column.
  const std::vector<std::uint8_t>& numeric_marks() const { return marks_; }

  /// Fills everything but owners and normalisation of a set. A missing number
  /// is NaN until `FillMissing`. Throws: DataError where a number is expected.
  Dataset Encode(std::span<const CsvRow> rows) const;
  /// Replaces NaN by the mean of the training rows where the policy is kMean;
  /// the others leave none. Throws: DataError when a column has no value there
  /// at all.
  void FillMissing(Corpus* corpus) const;
  /// One sentence about missing values, or nothing where none is missing.
  std::optional<std::string> MissingNote() const;

 private:
  struct Values {
    std::vector<std::string> names;  // sorted
    std::unordered_map<std::string_view, std::size_t> index;
  };
  struct Feature {
    std::size_t column = 0;
    bool categorical = false;
    Values values;          // of a categorical one
    std::size_t start = 0;  // its first feature
  };

  std::string_view Cell(const CsvRow& row, std::size_t column) const {
    return tables_[row.table].At(row.row, column);
  }
  bool IsMissing(std::string_view cell) const;
  void KeepRows(const CsvColumns& columns);
  bool Keeps(const CsvRow& row, const CsvColumns& columns);
  Values ValuesOf(std::size_t column, const char* what) const;
  float Number(const CsvRow& row, std::size_t column) const;
  std::int64_t Label(const CsvRow& row) const;
  [[noreturn]] void Throw(const CsvRow& row,
                          std::size_t column,
                          const std::string& message) const;

  std::span<const CsvTable> tables_;
  CsvMissing missing_;
  std::size_t target_;
  std::optional<double> positive_above_;
  std::vector<CsvRow> rows_;
  std::vector<Feature> features_;
  std::vector<std::uint8_t> marks_;
  Values classes_;
  std::vector<std::int64_t> missing_counts_;  // of each column
  std::int64_t incomplete_rows_ = 0;
};

}  // namespace fedtorch::data
