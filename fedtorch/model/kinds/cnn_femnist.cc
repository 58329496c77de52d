#include "fedtorch/model/published_layers.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section& section) {
  const std::string variant = section.Choice(
      {.name = "variant",
       .help = "leaf: 5x5 convolutions and 2048 dense units; adaptive: 3x3 "
               "convolutions, dropout and 128 dense units."},
      {"leaf", "adaptive"},
      "leaf");
  if (variant == "adaptive") return FromFunction(DropoutConvolutionLayers);
  return FromFunction([](const InputSpec& input) {
    return PooledConvolutionLayers(input, 2048);
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
