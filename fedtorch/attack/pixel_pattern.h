#pragma once

#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/poisoning.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace fedtorch::attack {

/// Names a part of an image, pixels.
struct Rectangle {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::int64_t height = 1;
  std::int64_t width = 1;
};

/// Throws ConfigError, in the name of `attack`, unless samples are images.
void RequireImages(const Setting& setting, std::string_view attack);

/// Sets rectangles of an image to one brightness, in every channel and in the
/// normalised space that models see.
class PixelPattern {
 public:
  /// No pixels.
  PixelPattern() = default;
  /// `brightness`: 0 = dark, 1 = full. Throws: ConfigError, in the name of
  /// `attack`, when samples are no images or a rectangle leaves the image.
  PixelPattern(const Setting& setting,
               std::string_view attack,
               double brightness,
               const std::vector<Rectangle>& rectangles);

  /// Changes one image [channels, height, width].
  void Stamp(std::span<float> image) const;
  /// Changes the image at `position` of a batch.
  void StampAt(const client::TamperedBatch& batch, std::int64_t position) const;
  /// Changes all images of a batch.
  void StampAll(const client::TamperedBatch& batch) const;

 private:
  std::vector<std::pair<std::size_t, float>> pixels_;  // place, value
};

/// Puts `pattern` on the samples that `poisoning` draws from each batch, and
/// calls them its target. Both must live longer than the result.
std::unique_ptr<client::Tampering> StampingOf(const Poisoning& poisoning,
                                              const PixelPattern& pattern,
                                              const Turn& turn);

}  // namespace fedtorch::attack
