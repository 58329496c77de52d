#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::record {

/// Holds one line of clients.csv: what one client measured on one of its sets
/// after one round.
struct ClientRow {
  std::int64_t client = 0;
  std::int64_t round = 0;
  std::string hierarchy;  ///< group of the client, empty where there is none
  std::int64_t samples = 0;
  std::string set;  ///< "train", "validation" or "test"
  /// One value a metric column; nullopt = not measured, an empty cell.
  std::vector<std::optional<double>> metrics;
};

/// Formats the header of LEAF's long format:
/// client_id,round_number,hierarchy,num_samples,set,<metrics>.
std::string ClientHeader(std::span<const std::string> metric_names);

/// Formats a row without its newline. Numbers are the shortest that read back
/// to the same double; what is not finite is nan, inf or -inf. Text is quoted
/// where RFC 4180 demands it; a newline in it becomes a blank.
std::string ClientLine(const ClientRow& row);

/// Reads the round of a line of clients.csv, nullopt where it has none.
std::optional<std::int64_t> RoundOfClientLine(std::string_view line);

}  // namespace fedtorch::record
