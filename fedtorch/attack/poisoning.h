#pragma once

#include "fedtorch/attack/attack.h"
#include "fedtorch/core/stream.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace fedtorch::attack {

/// Returns the stream that tampering of a turn draws from.
core::Stream StreamOf(const Turn& turn);

/// Throws ConfigError, naming `attack` and `key`, unless the data have a class
/// of that number.
void RequireClass(const Setting& setting,
                  std::string_view attack,
                  std::string_view key,
                  std::int64_t number);

/// Draws how many of `count` are taken: share * count in the mean, one of the
/// two whole numbers around it.
std::int64_t DrawCount(double share, std::int64_t count, core::Stream& stream);

/// Says which samples a trigger is put on, and what it shall mean.
struct Poisoning {
  double ratio = 0.0;  ///< share of a batch, (0, 1]
  std::int64_t target = 0;
  std::optional<std::int64_t> source;  ///< the only class used; unset = any

  /// Reads the keys ratio, target and source.
  static Poisoning Read(config::Section& section, double default_ratio);
  /// Throws: ConfigError where a class does not exist.
  void Check(const Setting& setting, std::string_view attack) const;
  /// Whether a test sample of class `label` counts: of the source, where there
  /// is one, and never of the target.
  bool Counts(std::int64_t label) const;
  /// Draws the positions in a batch to poison, in the order drawn: of those of
  /// the source class, or of all. Requires: one target a sample.
  std::vector<std::int64_t> Draw(const client::TamperedBatch& batch,
                                 core::Stream& stream) const;
};

}  // namespace fedtorch::attack
