#pragma once

#include "fedtorch/study/sweep_file.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::study {

/// Says where the numbers of a sweep come from, as its manifests state it.
struct Provenance {
  /// Names and the different values that the finished trials have, in order of
  /// first appearance; several values mean that trials may differ by more
  /// than their configs.
  std::vector<std::pair<std::string, std::vector<std::string>>> facts;
};

/// Reads the manifests of all trials; one that is missing is passed over.
Provenance ReadProvenance(const std::filesystem::path& directory,
                          const FrozenSweep& sweep);

/// Returns the SHA-256 of all trials' config hashes, in the sweep's order.
std::string SweepHash(const FrozenSweep& sweep);

}  // namespace fedtorch::study
