#include "fedtorch/model/model.h"

namespace fedtorch::model {
namespace {

struct Sizes {
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t embedding = 0;
  std::int64_t feed_forward = 0;
  double dropout = 0.0;
  LayerType positions = LayerType::kPositionEncoding;
};

std::vector<Layer> Layers(const Sizes& sizes, const InputSpec& input) {
  std::vector<Layer> layers{Embedding(sizes.embedding),
                            Simple(sizes.positions)};
  for (std::int64_t i = 0; i < sizes.layers; ++i) {
    layers.push_back(Residual(
        {SelfAttention(sizes.heads, sizes.dropout), Dropout(sizes.dropout)}));
    layers.push_back(Simple(LayerType::kLayerNorm));
    layers.push_back(Residual({Dense(sizes.feed_forward),
                               Simple(LayerType::kRelu),
                               Dropout(sizes.dropout),
                               Dense(sizes.embedding),
                               Dropout(sizes.dropout)}));
    layers.push_back(Simple(LayerType::kLayerNorm));
  }
  // Data with one target a sample ask for the token after the last.
  if (input.target_length == 1) {
    layers.push_back(Simple(LayerType::kLastPosition));
  }
  layers.push_back(Simple(LayerType::kTiedDense));
  return layers;
}

std::unique_ptr<Architecture> Make(config::Section& section) {
  Sizes sizes;
  sizes.layers =
      section.Int({.name = "layers", .help = "Number of transformer layers."},
                  3,
                  {.min = 1, .max = 64});
  sizes.heads = section.Int(
      {.name = "heads", .help = "Attention heads of a layer."}, 8, {.min = 1});
  sizes.embedding = section.Int(
      {.name = "embedding",
       .help = "Values of a token's embedding, also inside the layers."},
      96,
      {.min = 1});
  sizes.feed_forward =
      section.Int({.name = "feed_forward",
                   .help = "Hidden units of a layer's two dense layers."},
                  1536,
                  {.min = 1});
  sizes.dropout = section.Real(
      {.name = "dropout",
       .help = "Probability that a value is set to zero in training: attention "
               "weights, hidden units and what a layer adds."},
      0.1,
      {.min = 0.0, .max = 1.0, .open_max = true});
  const std::string positions = section.Choice(
      {.name = "positions",
       .help = "How a token's place is told: sines and cosines of it, or a "
               "learned vector for each place."},
      {"sinusoidal", "learned"},
      "sinusoidal");
  if (positions == "learned") sizes.positions = LayerType::kPositionEmbedding;
  if (sizes.embedding % sizes.heads != 0) {
    section.Fail(
        "heads",
        "expected a divisor of embedding = " + std::to_string(sizes.embedding) +
            ", found " + std::to_string(sizes.heads));
  }
  return FromFunction(
      [sizes](const InputSpec& input) { return Layers(sizes, input); },
      Initializer::kGlorotUniform);
}

}  // namespace

extern const Kind kTransformer;
constinit const Kind kTransformer{
    .name = "transformer",
    .summary =
        "Causal transformer for the next token; its output shares the weights "
        "of the embedding.",
    .source =
        "Vaswani 2017 as in Granqvist 2024 (pfl-research) for Stack Overflow; "
        "1962528 parameters with 10000 words",
    .make = Make,
};

}  // namespace fedtorch::model
