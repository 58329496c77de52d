#include "fedtorch/attack/pixel_pattern.h"

#include "fedtorch/core/errors.h"

#include <string>

namespace fedtorch::attack {

void RequireImages(const Setting& setting, std::string_view attack) {
  if (!setting.tokens && setting.shape.size() == 3) return;
  std::string found = setting.tokens ? "tokens" : "samples of shape [";
  if (!setting.tokens) {
    for (std::size_t i = 0; i < setting.shape.size(); ++i) {
      found += (i > 0 ? ", " : "") + std::to_string(setting.shape[i]);
    }
    found += "]";
  }
  throw core::ConfigError("attack " + std::string(attack) +
                          ": expected images [channels, height, width], "
                          "found " +
                          found + "; choose another attack or data set");
}

PixelPattern::PixelPattern(const Setting& setting,
                           std::string_view attack,
                           double brightness,
                           const std::vector<Rectangle>& rectangles) {
  RequireImages(setting, attack);
  const std::int64_t height = setting.shape[1];
  const std::int64_t width = setting.shape[2];
  const auto channels = static_cast<std::size_t>(setting.shape[0]);
  FEDTORCH_CHECK(
      setting.bright.size() == channels && setting.dark.size() == channels,
      "brightness is known for every channel");
  for (const Rectangle& part : rectangles) {
    if (part.row >= 0 && part.column >= 0 && part.row + part.height <= height &&
        part.column + part.width <= width) {
      continue;
    }
    throw core::ConfigError(
        "attack " + std::string(attack) +
        ": the pattern leaves the image: " + std::to_string(part.height) +
        " x " + std::to_string(part.width) + " pixels at row " +
        std::to_string(part.row) + ", column " + std::to_string(part.column) +
        " of an image of " + std::to_string(height) + " x " +
        std::to_string(width) + "; make it smaller or move it");
  }
  for (std::size_t c = 0; c < channels; ++c) {
    const double dark = setting.dark[c];
    const double bright = setting.bright[c];
    const auto value = static_cast<float>(dark + brightness * (bright - dark));
    for (const Rectangle& part : rectangles) {
      for (std::int64_t y = part.row; y < part.row + part.height; ++y) {
        for (std::int64_t x = part.column; x < part.column + part.width; ++x) {
          pixels_.emplace_back(c * static_cast<std::size_t>(height * width) +
                                   static_cast<std::size_t>(y * width + x),
                               value);
        }
      }
    }
  }
}

void PixelPattern::Stamp(std::span<float> image) const {
  for (const auto& [place, value] : pixels_) image[place] = value;
}

void PixelPattern::StampAt(const client::TamperedBatch& batch,
                           std::int64_t position) const {
  const std::size_t values =
      batch.features.size() / static_cast<std::size_t>(batch.size);
  Stamp(batch.features.subspan(static_cast<std::size_t>(position) * values,
                               values));
}

void PixelPattern::StampAll(const client::TamperedBatch& batch) const {
  for (std::int64_t i = 0; i < batch.size; ++i) StampAt(batch, i);
}

std::unique_ptr<client::Tampering> StampingOf(const Poisoning& poisoning,
                                              const PixelPattern& pattern,
                                              const Turn& turn) {
  class Stamping final : public client::Tampering {
   public:
    Stamping(const Poisoning& which, const PixelPattern& what, const Turn& when)
        : poisoning_(which), pattern_(what), stream_(StreamOf(when)) {}
    void BeforeStep(const client::TamperedBatch& batch) override {
      for (const std::int64_t i : poisoning_.Draw(batch, stream_)) {
        pattern_.StampAt(batch, i);
        batch.targets[static_cast<std::size_t>(i)] = poisoning_.target;
      }
    }

   private:
    const Poisoning& poisoning_;
    const PixelPattern& pattern_;
    core::Stream stream_;
  };
  return std::make_unique<Stamping>(poisoning, pattern, turn);
}

}  // namespace fedtorch::attack
