#pragma once

#include "fedtorch/model/model.h"

#include <cstdint>
#include <vector>

namespace fedtorch::model {

/// Lists two padded 5x5 convolutions (32, 64), each with pooling, then `units`
/// dense units. Source: McMahan 2017 with 512 units; LEAF with 2048.
inline std::vector<Layer> PooledConvolutionLayers(const InputSpec& input,
                                                  std::int64_t units) {
  return {Convolution(32, 5, 2),
          Simple(LayerType::kRelu),
          MaxPool(2),
          Convolution(64, 5, 2),
          Simple(LayerType::kRelu),
          MaxPool(2),
          Simple(LayerType::kFlatten),
          Dense(units),
          Simple(LayerType::kRelu),
          Dense(input.num_classes)};
}

/// Lists two 3x3 convolutions (32, 64), one pooling, dropout and 128 dense
/// units. Source: Reddi 2021 for FEMNIST, pfl-research for CIFAR-10.
inline std::vector<Layer> DropoutConvolutionLayers(const InputSpec& input) {
  return {Convolution(32, 3),
          Simple(LayerType::kRelu),
          Convolution(64, 3),
          Simple(LayerType::kRelu),
          MaxPool(2),
          Dropout(0.25),
          Simple(LayerType::kFlatten),
          Dense(128),
          Simple(LayerType::kRelu),
          Dropout(0.5),
          Dense(input.num_classes)};
}

}  // namespace fedtorch::model
