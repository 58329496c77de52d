#pragma once

#include <cstdint>
#include <filesystem>

namespace fedtorch::record {

/// Says what is left of a file of lines after it was cut back to a round.
struct RoundLines {
  std::int64_t kept = 0;
  std::int64_t removed = 0;
  std::int64_t last_round = -1;  ///< of the kept lines, -1 = no line has one
};

/// Cuts a file of JSON lines before the first one with "round" > `round`, and
/// removes a half-written last line. Lines without a round stay where they
/// are. A missing file counts as empty.
/// Throws: RunError naming the line when one that is not the last cannot be
/// read; the file is untouched then.
RoundLines CutJsonLines(const std::filesystem::path& path, std::int64_t round);

/// Does the same for clients.csv, whose first line is a header.
RoundLines CutClientLines(const std::filesystem::path& path,
                          std::int64_t round);

}  // namespace fedtorch::record
