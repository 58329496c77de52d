#pragma once

#include "fedtorch/attack/attack.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::attack {

/// Owns a batch that an adversary may change.
struct OwnedBatch {
  std::vector<float> features;
  std::vector<std::int64_t> targets;
  std::vector<std::int64_t> indices;

  /// A batch of samples of `values` values, all `value`.
  OwnedBatch(std::vector<std::int64_t> labels,
             std::size_t values,
             float value = 0.0F);
  client::TamperedBatch View();
  /// The values of a sample that are not `value`, by their place.
  std::vector<std::size_t> Changed(std::size_t sample, float value = 0.0F);
};

/// Samples of images, normalised such that a dark pixel of channel c is
/// -1 - c and a full one 2 + c.
Setting Images(std::int64_t channels,
               std::int64_t height,
               std::int64_t width,
               std::int64_t num_classes = 10);

/// Makes and starts an attack.
std::unique_ptr<Attack> Started(const std::string& text,
                                const Setting& setting);

/// Returns the message of the ConfigError that making and starting gives, or
/// "no error".
std::string MistakeOf(const std::string& text, const Setting& setting);

}  // namespace fedtorch::attack
