#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section&) {
  return FromFunction(
      [](const InputSpec& input) {
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
      },
      Initializer::kGlorotUniform);
}

}  // namespace

extern const Kind kCnnPflCifar;
constinit const Kind kCnnPflCifar{
    .name = "cnn_pfl_cifar",
    .summary = "Two 3x3 convolutions, one pooling, dropout, 128 dense units.",
    .source =
        "Granqvist 2024 (pfl-research), simple_cnn for CIFAR-10, 1626442 "
        "parameters",
    .make = Make,
};

}  // namespace fedtorch::model
