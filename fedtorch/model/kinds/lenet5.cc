#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section& section) {
  const std::string word = section.Choice(
      {.name = "activation", .help = "The non-linearity between layers."},
      {"relu", "tanh"},
      "relu");
  const LayerType activation =
      word == "relu" ? LayerType::kRelu : LayerType::kTanh;
  return FromFunction([activation](const InputSpec& input) {
    // 28x28 images are padded to the 32x32 of the original.
    const bool small = input.shape.size() == 3 && input.shape[1] < 32;
    return std::vector<Layer>{Convolution(6, 5, small ? 2 : 0),
                              Simple(activation),
                              MaxPool(2),
                              Convolution(16, 5),
                              Simple(activation),
                              MaxPool(2),
                              Simple(LayerType::kFlatten),
                              Dense(120),
                              Simple(activation),
                              Dense(84),
                              Simple(activation),
                              Dense(input.num_classes)};
  });
}

}  // namespace

extern const Kind kLenet5;
constinit const Kind kLenet5{
    .name = "lenet5",
    .summary =
        "Two 5x5 convolutions (6, 16) and dense layers of 120 and 84 units.",
    .source =
        "LeCun 1998 with max pooling; 61706 parameters on 28x28, 62006 on "
        "CIFAR",
    .make = Make,
};

}  // namespace fedtorch::model
