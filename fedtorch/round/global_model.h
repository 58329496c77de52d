#pragma once

#include "fedtorch/model/network.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::round {

/// Holds the server's model. Parameters and buffers are kept in float64, so
/// that small steps are not lost, and rounded to float32 when they are sent.
struct GlobalModel {
  std::vector<double> parameters;
  std::vector<double> buffers;
  std::vector<std::int64_t> counters;
  /// The aggregate of the last round that had one [d]; empty before. Not part
  /// of the hash: attacks and defences look at it.
  std::vector<double> last_update;

  /// Draws the initial model from the streams of `seed`.
  static GlobalModel Initial(const model::Network& network, std::uint64_t seed);
  std::vector<float> SentParameters() const;
  /// Writes the same to `out` [d].
  void SentParameters(std::span<float> out) const;
  std::vector<float> SentBuffers() const;
  /// SHA-256 of what is sent: parameters, buffers, counters.
  std::string Hash() const;
  bool IsFinite() const;
};

}  // namespace fedtorch::round
