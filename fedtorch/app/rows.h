#pragma once

#include "fedtorch/aggregate/update_table.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace fedtorch::app {

/// Holds a matrix of numbers from a file, as float32 or float64.
class Rows {
 public:
  /// Reads a CSV file without header (numbers between commas, also nan and
  /// inf) or an NPY file of one or two dimensions.
  /// Throws: DataError with file, line or offset, expected and found.
  static Rows Read(const std::filesystem::path& path, bool as_double);

  std::int64_t num_rows() const;
  std::int64_t dimension() const { return dimension_; }
  /// Views the rows; valid while this object lives.
  aggregate::UpdateTable Table() const;
  /// The first row in float64, for files that hold one vector.
  /// Throws: DataError when there are more, or not `dimension` values.
  std::vector<double> OnlyRow(std::int64_t dimension) const;

 private:
  std::filesystem::path path_;
  std::int64_t dimension_ = 0;
  bool as_double_ = false;
  std::vector<double> doubles_;
  std::vector<float> floats_;  // in place of doubles_
};

}  // namespace fedtorch::app
