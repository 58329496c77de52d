#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

// Images are flattened; columns stay as they are.
std::unique_ptr<Architecture> Make(config::Section&) {
  return FromFunction([](const InputSpec& input) {
    std::vector<Layer> layers;
    if (input.shape.size() > 1) layers.push_back(Simple(LayerType::kFlatten));
    layers.push_back(Dense(input.num_classes));
    return layers;
  });
}

}  // namespace

extern const Kind kLogistic;
constinit const Kind kLogistic{
    .name = "logistic",
    .summary = "Multinomial logistic regression: one dense layer.",
    .source = "Cox 1958; 784-10 has 7850 parameters",
    .make = Make,
};

}  // namespace fedtorch::model
