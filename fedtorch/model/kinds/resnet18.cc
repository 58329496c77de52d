#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

Layer PlainConvolution(std::int64_t filters,
                       std::int64_t kernel,
                       std::int64_t stride) {
  Layer layer = Convolution(filters, kernel, kernel / 2, stride);
  layer.bias = false;  // the norm after it has one
  return layer;
}

// Two convolutions around which the input is added; where the shape changes, a
// 1x1 convolution changes the input alike (He 2016, option B).
Layer BasicBlock(std::int64_t filters,
                 std::int64_t stride,
                 std::int64_t groups,
                 bool same_shape) {
  std::vector<Layer> shortcut;
  if (!same_shape) {
    shortcut = {PlainConvolution(filters, 1, stride), GroupNorm(groups)};
  }
  return Residual({PlainConvolution(filters, 3, stride),
                   GroupNorm(groups),
                   Simple(LayerType::kRelu),
                   PlainConvolution(filters, 3, 1),
                   GroupNorm(groups)},
                  std::move(shortcut));
}

std::unique_ptr<Architecture> Make(config::Section& section) {
  const std::int64_t groups = section.Int(
      {.name = "groups", .help = "Groups of channels of each group norm."},
      2,
      {.min = 1});
  const std::int64_t filters = section.Int(
      {.name = "filters",
       .help = "Filters of the first stage; each later one doubles them."},
      64,
      {.min = 1, .max = 1024});
  if (filters % groups != 0) {
    section.Fail("groups",
                 "expected a divisor of filters = " + std::to_string(filters) +
                     ", found " + std::to_string(groups));
  }
  return FromFunction(
      [groups, filters](const InputSpec& input) {
        // Small images need neither the 7x7 stem nor the pooling after it.
        std::vector<Layer> layers{PlainConvolution(filters, 3, 1),
                                  GroupNorm(groups),
                                  Simple(LayerType::kRelu)};
        for (std::int64_t stage = 0; stage < 4; ++stage) {
          for (std::int64_t block = 0; block < 2; ++block) {
            const bool shrinks = stage > 0 && block == 0;
            layers.push_back(BasicBlock(
                filters << stage, shrinks ? 2 : 1, groups, !shrinks));
            layers.push_back(Simple(LayerType::kRelu));
          }
        }
        layers.push_back(Simple(LayerType::kGlobalAveragePool));
        layers.push_back(Dense(input.num_classes));
        return layers;
      },
      Initializer::kHeNormal);
}

}  // namespace

extern const Kind kResnet18;
constinit const Kind kResnet18{
    .name = "resnet18",
    .summary =
        "ResNet-18 for small images, with group norm in place of batch norm.",
    .source =
        "He 2016; group norm as in Hsieh 2020 and Reddi 2021; 11173962 "
        "parameters with 10 classes",
    .make = Make,
};

}  // namespace fedtorch::model
