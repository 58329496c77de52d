#pragma once

#include "fedtorch/data/csv_table.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::data {

/// Names columns by what they are for, as the config does: by name, or by
/// index from 0 where no column has such a name.
struct CsvColumnNames {
  std::string target;
  std::optional<std::string> owner;
  std::vector<std::string> numeric;  ///< empty = all that remain
  std::vector<std::string> categorical;
  std::vector<std::string> ignore;
};

/// Holds the same as indices of columns.
struct CsvColumns {
  struct Feature {
    std::size_t column = 0;
    bool categorical = false;
  };

  std::size_t target = 0;
  std::optional<std::size_t> owner;
  std::vector<Feature> features;  ///< in the order of the file
};

/// Finds the columns. The owner column is a feature only where it is listed
/// as one.
/// Throws: DataError for an unknown column (with a suggestion), a column with
/// two roles, and a table without features.
CsvColumns FindColumns(const CsvTable& table, const CsvColumnNames& names);

}  // namespace fedtorch::data
