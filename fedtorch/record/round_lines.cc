#include "fedtorch/record/round_lines.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/record/client_table.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace fedtorch::record {
namespace {

struct LineFacts {
  bool readable = false;
  std::optional<std::int64_t> round;
};

LineFacts FactsOfJson(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return {};
  const auto round = json.find("round");
  if (round == json.end() || !round->is_number_integer()) {
    return {.readable = true, .round = {}};
  }
  return {.readable = true, .round = round->get<std::int64_t>()};
}

RoundLines Cut(
    const std::filesystem::path& path,
    std::int64_t round,
    const std::function<LineFacts(std::string_view line, bool first)>& read) {
  if (!std::filesystem::exists(path)) return {};
  RoundLines result;
  std::int64_t number = 0;
  std::int64_t unreadable = 0;  // number of the first such line, 0 = none
  const core::CutLines count =
      core::CutBefore(path, [&](std::string_view line) {
        ++number;
        // A power cut can leave a last line of zero bytes. Anything whole
        // behind an unreadable line means that the file was damaged.
        if (unreadable != 0) {
          throw core::RunError(
              path.string() + ":" + std::to_string(unreadable) +
              ": the line cannot be read, so the record of the run is "
              "damaged; restore the file or start a new run");
        }
        const LineFacts facts = read(line, number == 1);
        if (!facts.readable) {
          unreadable = number;
          return false;
        }
        if (facts.round && *facts.round > round) return true;
        if (facts.round) result.last_round = *facts.round;
        return false;
      });
  result.kept = count.kept;
  result.removed = count.removed;
  if (unreadable != 0) {
    const core::CutLines last = core::TruncateToLines(path, unreadable - 1);
    result.kept = last.kept;
    result.removed += last.removed;
  }
  return result;
}

}  // namespace

RoundLines CutJsonLines(const std::filesystem::path& path, std::int64_t round) {
  return Cut(path, round, [](std::string_view line, bool) {
    return FactsOfJson(line);
  });
}

RoundLines CutClientLines(const std::filesystem::path& path,
                          std::int64_t round) {
  return Cut(path, round, [](std::string_view line, bool first) {
    if (first) {
      return LineFacts{.readable = line.starts_with("client_id,"), .round = {}};
    }
    const std::optional<std::int64_t> found = RoundOfClientLine(line);
    return LineFacts{.readable = found.has_value(), .round = found};
  });
}

}  // namespace fedtorch::record
