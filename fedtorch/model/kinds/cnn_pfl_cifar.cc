#include "fedtorch/model/published_layers.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section&) {
  return FromFunction(DropoutConvolutionLayers, Initializer::kGlorotUniform);
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
