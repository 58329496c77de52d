#include "fedtorch/data/csv_columns.h"

#include "fedtorch/config/document.h"

#include <algorithm>
#include <charconv>

namespace fedtorch::data {
namespace {

std::string ListOf(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 30;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  return text + (names.size() > kMost ? ", ..." : "");
}

std::size_t Find(const CsvTable& table,
                 const std::string& key,
                 const std::string& wanted) {
  const auto& names = table.names();
  const auto found = std::ranges::find(names, wanted);
  if (found != names.end()) {
    return static_cast<std::size_t>(found - names.begin());
  }
  std::size_t index = 0;
  const char* end = wanted.data() + wanted.size();
  const auto [stop, error] = std::from_chars(wanted.data(), end, index);
  if (error == std::errc() && stop == end && index < names.size()) {
    return index;
  }
  const std::string near = config::Suggest(wanted, names);
  ThrowDataError(table.path(),
                 "key " + key +
                     ": expected a column name or an index from 0 "
                     "to " +
                     std::to_string(names.size() - 1) + ", found " +
                     Quoted(wanted) +
                     (near.empty() ? "" : "; did you mean '" + near + "'?") +
                     "; columns: " + ListOf(names));
}

}  // namespace

CsvColumns FindColumns(const CsvTable& table, const CsvColumnNames& names) {
  CsvColumns columns;
  // What a column is for; the empty string = not said.
  std::vector<std::string> roles(table.columns());
  const auto claim = [&](const std::string& key, const std::string& name) {
    const std::size_t column = Find(table, key, name);
    if (!roles[column].empty()) {
      ThrowDataError(table.path(),
                     "column " + Quoted(table.names()[column]) +
                         " is listed under " + roles[column] + " and under " +
                         key + "; expected one of them");
    }
    roles[column] = key;
    return column;
  };
  columns.target = claim("target", names.target);
  for (const std::string& name : names.ignore) claim("ignore", name);
  for (const std::string& name : names.categorical) claim("categorical", name);
  for (const std::string& name : names.numeric) claim("numeric", name);
  if (names.owner) {
    columns.owner = Find(table, "owner", *names.owner);
    if (*columns.owner == columns.target) claim("owner", *names.owner);
    if (roles[*columns.owner].empty()) roles[*columns.owner] = "owner";
  }
  for (std::size_t column = 0; column < roles.size(); ++column) {
    const bool rest = roles[column].empty() && names.numeric.empty();
    const bool categorical = roles[column] == "categorical";
    if (rest || categorical || roles[column] == "numeric") {
      columns.features.push_back({column, categorical});
    }
  }
  if (columns.features.empty()) {
    ThrowDataError(
        table.path(),
        "expected at least one feature column, found none; columns: " +
            ListOf(table.names()));
  }
  return columns;
}

}  // namespace fedtorch::data
