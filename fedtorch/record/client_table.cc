#include "fedtorch/record/client_table.h"

#include "fedtorch/core/json_line.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace fedtorch::record {
namespace {

// One line a row keeps the file cuttable, so newlines cannot be kept.
std::string Cell(std::string_view text) {
  std::string cell(text);
  for (char& byte : cell) {
    if (byte == '\n' || byte == '\r') byte = ' ';
  }
  if (cell.find_first_of(",\"") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char byte : cell) {
    if (byte == '"') quoted += '"';
    quoted += byte;
  }
  return quoted + '"';
}

std::string Cell(const std::optional<double>& value) {
  if (!value) return "";
  if (std::isnan(*value)) return "nan";
  if (std::isinf(*value)) return *value > 0 ? "inf" : "-inf";
  return core::JsonNumber(*value);
}

}  // namespace

std::string ClientHeader(std::span<const std::string> metric_names) {
  std::string line = "client_id,round_number,hierarchy,num_samples,set";
  for (const std::string& name : metric_names) line += "," + Cell(name);
  return line;
}

std::string ClientLine(const ClientRow& row) {
  std::string line = std::to_string(row.client) + "," +
                     std::to_string(row.round) + "," + Cell(row.hierarchy) +
                     "," + std::to_string(row.samples) + "," + Cell(row.set);
  for (const std::optional<double>& value : row.metrics) {
    line += "," + Cell(value);
  }
  return line;
}

std::optional<std::int64_t> RoundOfClientLine(std::string_view line) {
  const std::size_t comma = line.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  std::int64_t round = 0;
  const char* end = line.data() + line.size();
  const auto [rest, error] =
      std::from_chars(line.data() + comma + 1, end, round);
  if (error != std::errc() || rest == end || *rest != ',') return std::nullopt;
  return round;
}

}  // namespace fedtorch::record
