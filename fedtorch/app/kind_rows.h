#pragma once

#include "fedtorch/config/section.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::app {

/// Describes one kind of any room, for `list` and `describe`.
struct KindRow {
  std::string_view room;  ///< as users say it: datasets, partitions, ...
  std::string_view key;   ///< where a config names it
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::function<void(config::Section&)> read;  ///< reads its own keys
};

/// Returns all kinds of all rooms, room by room.
std::vector<KindRow> AllKindRows();

}  // namespace fedtorch::app
