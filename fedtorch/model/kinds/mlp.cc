#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section& section) {
  const std::vector<std::int64_t> hidden =
      section.Ints({.name = "hidden",
                    .help = "Widths of the hidden layers.",
                    .unit = "units"},
                   std::vector<std::int64_t>{200, 200},
                   {.min = 1});
  const double dropout = section.Real(
      {.name = "dropout",
       .help = "Probability that a hidden value is set to zero in training."},
      0.0,
      {.min = 0.0, .max = 1.0, .open_max = true});
  return FromFunction([hidden, dropout](const InputSpec& input) {
    std::vector<Layer> layers;
    if (input.shape.size() > 1) layers.push_back(Simple(LayerType::kFlatten));
    for (const std::int64_t units : hidden) {
      layers.push_back(Dense(units));
      layers.push_back(Simple(LayerType::kRelu));
      if (dropout > 0.0) layers.push_back(Dropout(dropout));
    }
    layers.push_back(Dense(input.num_classes));
    return layers;
  });
}

}  // namespace

extern const Kind kMlp;
constinit const Kind kMlp{
    .name = "mlp",
    .summary =
        "Dense layers with ReLU between them; 784-200-200-10 is the 2NN.",
    .source = "McMahan 2017, MNIST 2NN with 199210 parameters",
    .make = Make,
};

}  // namespace fedtorch::model
