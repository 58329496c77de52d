#pragma once

#include "fedtorch/data/dataset.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::partition {

/// Lists the samples of every class: class k holds
/// samples[offsets[k], offsets[k + 1]).
struct ClassLists {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> samples;

  std::int64_t num_classes() const {
    return static_cast<std::int64_t>(offsets.size()) - 1;
  }
  std::int64_t SizeOf(std::int64_t label) const {
    const auto k = static_cast<std::size_t>(label);
    return offsets[k + 1] - offsets[k];
  }
  std::span<std::int64_t> Of(std::int64_t label) {
    return std::span(samples).subspan(
        static_cast<std::size_t>(offsets[static_cast<std::size_t>(label)]),
        static_cast<std::size_t>(SizeOf(label)));
  }
  std::span<const std::int64_t> Of(std::int64_t label) const {
    return std::span(samples).subspan(
        static_cast<std::size_t>(offsets[static_cast<std::size_t>(label)]),
        static_cast<std::size_t>(SizeOf(label)));
  }
};

/// Sorts the samples by class, stable: ascending within a class. `kind` names
/// the partitioner in messages. Cost: two passes over the targets.
/// Throws: ConfigError when a sample has more than one target (text with a
/// target per position), for then it has no class.
ClassLists ListByClass(const data::Dataset& dataset, std::string_view kind);

/// Shuffles each class by the stream (seed, purpose, class), so that which
/// samples of a class a client gets is random while how many it gets is not
/// touched. Threads: parallel over classes.
void ShuffleWithinClasses(ClassLists& lists,
                          std::uint64_t seed,
                          std::string_view purpose);

}  // namespace fedtorch::partition
