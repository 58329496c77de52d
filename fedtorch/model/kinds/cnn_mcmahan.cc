#include "fedtorch/model/published_layers.h"

namespace fedtorch::model {
namespace {

std::unique_ptr<Architecture> Make(config::Section&) {
  return FromFunction([](const InputSpec& input) {
    return PooledConvolutionLayers(input, 512);
  });
}

}  // namespace

extern const Kind kCnnMcmahan;
constinit const Kind kCnnMcmahan{
    .name = "cnn_mcmahan",
    .summary =
        "Two 5x5 convolutions (32, 64) with pooling, then 512 dense units.",
    .source = "McMahan 2017, MNIST CNN with 1663370 parameters",
    .make = Make,
};

}  // namespace fedtorch::model
