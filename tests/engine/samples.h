#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/model/network.h"

#include <cstdint>
#include <vector>

namespace fedtorch::engine {

/// Random samples for any input, kept alive with the views on them.
struct Samples {
  std::vector<float> features;
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> targets;
  std::int64_t size = 0;

  Samples(const model::InputSpec& input, std::int64_t count, std::uint64_t seed)
      : size(count) {
    core::Stream stream = core::Stream::Named(seed, "samples");
    std::int64_t width = 1;
    for (const std::int64_t side : input.shape) width *= side;
    const auto classes = static_cast<std::uint64_t>(input.num_classes);
    for (std::int64_t i = 0; i < count * width; ++i) {
      if (input.tokens) {
        tokens.push_back(static_cast<std::int64_t>(stream.Below(classes)));
      } else {
        features.push_back(static_cast<float>(stream.Normal()));
      }
    }
    for (std::int64_t i = 0; i < count * input.target_length; ++i) {
      targets.push_back(static_cast<std::int64_t>(stream.Below(classes)));
    }
  }

  Batch View() const {
    return {.size = size,
            .features = features,
            .tokens = tokens,
            .targets = targets};
  }
};

}  // namespace fedtorch::engine
