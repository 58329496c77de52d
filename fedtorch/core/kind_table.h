#pragma once

#include "fedtorch/core/errors.h"

#include <span>
#include <string>
#include <vector>

namespace fedtorch::core {

/// Joins the generated table of a room's kinds with kinds from outside the
/// tree. `K` has a `name`. Threads: `Use` before any other thread starts.
template <class K>
class KindTable {
 public:
  explicit KindTable(std::span<const K* const> built_in)
      : kinds_(built_in.begin(), built_in.end()) {}

  std::span<const K* const> All() const { return kinds_; }

  /// Throws: Bug when the name is taken.
  void Use(const K& kind) {
    for (const K* known : kinds_) {
      FEDTORCH_CHECK(
          known->name != kind.name,
          "a kind named '" + std::string(kind.name) + "' exists already");
    }
    kinds_.push_back(&kind);
  }

 private:
  std::vector<const K*> kinds_;
};

}  // namespace fedtorch::core
