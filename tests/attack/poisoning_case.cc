#include "tests/attack/poisoning_case.h"

#include "fedtorch/core/errors.h"
#include "tests/attack/attack_case.h"

#include <numeric>

namespace fedtorch::attack {

OwnedBatch::OwnedBatch(std::vector<std::int64_t> labels,
                       std::size_t values,
                       float value)
    : features(labels.size() * values, value),
      targets(std::move(labels)),
      indices(targets.size()) {
  std::iota(indices.begin(), indices.end(), 0);
}

client::TamperedBatch OwnedBatch::View() {
  return {.size = static_cast<std::int64_t>(targets.size()),
          .features = features,
          .targets = targets,
          .indices = indices};
}

std::vector<std::size_t> OwnedBatch::Changed(std::size_t sample, float value) {
  const std::size_t values = features.size() / targets.size();
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k < values; ++k) {
    if (features[sample * values + k] != value) places.push_back(k);
  }
  return places;
}

Setting Images(std::int64_t channels,
               std::int64_t height,
               std::int64_t width,
               std::int64_t num_classes) {
  Setting setting;
  setting.shape = {channels, height, width};
  setting.num_classes = num_classes;
  setting.seed = 7;
  for (std::int64_t c = 0; c < channels; ++c) {
    setting.dark.push_back(-1.0F - static_cast<float>(c));
    setting.bright.push_back(2.0F + static_cast<float>(c));
  }
  return setting;
}

std::unique_ptr<Attack> Started(const std::string& text,
                                const Setting& setting) {
  auto attack = FromText(text);
  attack->Start(setting);
  return attack;
}

std::string MistakeOf(const std::string& text, const Setting& setting) {
  try {
    Started(text, setting);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace fedtorch::attack
