#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section& section) {
  const std::string variant = section.Choice(
      {.name = "variant",
       .help = "leaf: 5x5 convolutions and 2048 dense units; adaptive: 3x3 "
               "convolutions, dropout and 128 dense units."},
      {"leaf", "adaptive"},
      "leaf");
  if (variant == "adaptive") {
    return FromFunction([](const InputSpec& input) {
      return std::vector<Layer>{Convolution(32, 3),
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
    });
  }
  return FromFunction([](const InputSpec& input) {
    return std::vector<Layer>{Convolution(32, 5, 2),
                              Simple(LayerType::kRelu),
                              MaxPool(2),
                              Convolution(64, 5, 2),
                              Simple(LayerType::kRelu),
                              MaxPool(2),
                              Simple(LayerType::kFlatten),
                              Dense(2048),
                              Simple(LayerType::kRelu),
                              Dense(input.num_classes)};
  });
}

}  // namespace

extern const Kind kCnnFemnist;
constinit const Kind kCnnFemnist{
    .name = "cnn_femnist",
    .summary = "The two networks published for FEMNIST with 62 classes.",
    .source =
        "Caldas 2018 (LEAF), 6603710 parameters; Reddi 2021, 1206590 "
        "parameters",
    .make = Make,
};

}  // namespace fedtorch::model
