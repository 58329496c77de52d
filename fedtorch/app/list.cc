#include "fedtorch/app/commands.h"
#include "fedtorch/app/kind_rows.h"
#include "fedtorch/app/load.h"
#include "fedtorch/core/errors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

// Reads a small JSON file of a run; an unreadable one is shown as it is.
Json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  return Json::parse(file, nullptr, false);
}

int ListRuns(const std::filesystem::path& directory, Format format) {
  Json runs = Json::array();
  std::vector<std::filesystem::path> statuses;
  if (std::filesystem::is_directory(directory)) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory)) {
      if (entry.path().filename() == "status.json") {
        statuses.push_back(entry.path());
      }
    }
  }
  std::sort(statuses.begin(), statuses.end());
  for (const auto& path : statuses) {
    const Json status = ReadJson(path);
    Json run{{"directory", path.parent_path().string()}};
    run["state"] = status.is_object() ? status.value("state", "?") : "?";
    run["round"] = status.is_object() && status.contains("round")
                       ? status["round"]
                       : Json(nullptr);
    runs.push_back(run);
  }
  if (format == Format::kJson) {
    std::cout << runs.dump(2) << '\n';
    return 0;
  }
  if (runs.empty()) {
    std::cout << "no runs in " << directory.string() << '\n';
  }
  for (const Json& run : runs) {
    std::cout << std::left << std::setw(10) << run["state"].get<std::string>()
              << " round " << std::setw(6) << run["round"].dump() << ' '
              << run["directory"].get<std::string>() << '\n';
  }
  return 0;
}

}  // namespace

int List(const ListOptions& options) {
  if (options.what == "runs") return ListRuns(options.runs_dir, options.format);
  const std::vector<KindRow> rows = AllKindRows();
  std::vector<std::string> rooms{"runs"};
  for (const KindRow& row : rows) {
    if (rooms.back() != row.room) rooms.emplace_back(row.room);
  }
  if (!options.what.empty() &&
      std::find(rooms.begin(), rooms.end(), options.what) == rooms.end()) {
    std::string known;
    for (const std::string& room : rooms) known += " " + room;
    throw core::ConfigError("list: unknown word '" + options.what + "'" +
                            DidYouMean(options.what, rooms) +
                            "; known words:" + known);
  }
  if (options.format == Format::kJson) {
    Json list = Json::array();
    for (const KindRow& row : rows) {
      if (!options.what.empty() && row.room != options.what) continue;
      list.push_back({{"room", row.room},
                      {"key", row.key},
                      {"name", row.name},
                      {"summary", row.summary},
                      {"source", row.source}});
    }
    std::cout << list.dump(2) << '\n';
    return 0;
  }
  std::string_view room;
  for (const KindRow& row : rows) {
    if (!options.what.empty() && row.room != options.what) continue;
    if (row.room != room) {
      if (!room.empty()) std::cout << '\n';
      room = row.room;
      std::cout << room << " (" << row.key << ".name)\n";
    }
    std::cout << "  " << std::left << std::setw(24) << row.name << row.summary
              << '\n';
  }
  return 0;
}

}  // namespace fedtorch::app
