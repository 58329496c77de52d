#pragma once

#include <map>
#include <string>
#include <vector>

namespace fedtorch::docs {

/// Holds what `fedrun list` says of one kind.
struct ListedKind {
  std::string room;
  std::string key;  ///< of the section that chooses it, e.g. "data.partition"
  std::string name;
  std::string summary;
  std::string source;
};

/// Returns all kinds in the order of `fedrun list`. Runs the program.
std::vector<ListedKind> ListKinds();

/// Returns the paths of configs/*.yaml below the root, sorted.
std::vector<std::string> ExampleConfigs();

/// Returns for each "<key>: <kind>" the example configs whose resolved form
/// chooses it. The first call runs the program once for every config.
const std::map<std::string, std::vector<std::string>>& ConfigsByKind();

/// Returns docs/kinds.md as it should be.
std::string KindsPage();

/// Returns docs/config.md as it should be.
std::string ConfigPage();

}  // namespace fedtorch::docs
