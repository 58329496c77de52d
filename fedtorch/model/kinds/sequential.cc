#include "fedtorch/model/model.h"

#include <iterator>
#include <span>
#include <string>

namespace fedtorch::model {
namespace {

using config::Key;
using config::Section;

// Each entry names a layer type and reads its own keys.
struct Reader {
  LayerType type;
  std::string_view summary;
  Layer (*read)(Section&);
};

Layer ReadWindow(Section& section, LayerType type) {
  Layer layer{.type = type};
  layer.kernel = section.Int(
      {.name = "kernel", .help = "Side of the window.", .unit = "pixels"},
      2,
      {.min = 1});
  layer.stride = section.Int({.name = "stride",
                              .help = "Step of the window; 0 = the kernel.",
                              .unit = "pixels"},
                             0,
                             {.min = 0});
  if (layer.stride == 0) layer.stride = layer.kernel;
  layer.padding =
      section.Int({.name = "padding",
                   .help = "Border on each side, at most half a window.",
                   .unit = "pixels"},
                  0,
                  {.min = 0});
  if (2 * layer.padding > layer.kernel) {
    section.Fail(
        "padding",
        "expected at most half of kernel = " + std::to_string(layer.kernel) +
            ", found " + std::to_string(layer.padding));
  }
  layer.ceiling = section.Bool(
      {.name = "ceiling", .help = "Keep the incomplete last window."}, false);
  return layer;
}

// Defined below the table, whose layers it reads.
Layer ReadResidual(Section& section);

constexpr Reader kReaders[] = {
    {LayerType::kDense,
     "A dense layer.",
     [](Section& section) {
       Layer layer{.type = LayerType::kDense};
       layer.units = section.Int(
           {.name = "units", .help = "Outputs; 0 = the number of classes."},
           0,
           {.min = 0});
       layer.bias = section.Bool({.name = "bias", .help = "Add a bias."}, true);
       return layer;
     }},
    {LayerType::kConvolution,
     "A square convolution.",
     [](Section& section) {
       Layer layer{.type = LayerType::kConvolution};
       layer.units = section.Int(
           {.name = "filters", .help = "Outputs."}, std::nullopt, {.min = 1});
       layer.kernel = section.Int(
           {.name = "kernel", .help = "Side of the window.", .unit = "pixels"},
           3,
           {.min = 1});
       layer.stride = section.Int(
           {.name = "stride", .help = "Step of the window.", .unit = "pixels"},
           1,
           {.min = 1});
       layer.padding = section.Int(
           {.name = "padding", .help = "Zeros on each side.", .unit = "pixels"},
           0,
           {.min = 0});
       layer.bias = section.Bool({.name = "bias", .help = "Add a bias."}, true);
       return layer;
     }},
    {LayerType::kMaxPool,
     "The largest value of each window.",
     [](Section& section) { return ReadWindow(section, LayerType::kMaxPool); }},
    {LayerType::kAveragePool,
     "The mean of each window.",
     [](Section& section) {
       return ReadWindow(section, LayerType::kAveragePool);
     }},
    {LayerType::kFlatten,
     "All values of a sample in one row.",
     [](Section&) { return Simple(LayerType::kFlatten); }},
    {LayerType::kRelu,
     "max(x, 0).",
     [](Section&) { return Simple(LayerType::kRelu); }},
    {LayerType::kTanh,
     "tanh(x).",
     [](Section&) { return Simple(LayerType::kTanh); }},
    {LayerType::kSigmoid,
     "1 / (1 + exp(-x)).",
     [](Section&) { return Simple(LayerType::kSigmoid); }},
    {LayerType::kDropout,
     "Zeros values in training.",
     [](Section& section) {
       const double rate =
           section.Real({.name = "rate", .help = "Probability of a zero."},
                        0.5,
                        {.min = 0.0, .max = 1.0, .open_max = true});
       return Dropout(
           rate,
           section.Bool({.name = "whole_maps",
                         .help = "Zero a channel at all positions of a sample "
                                 "together (Tompson 2015; PyTorch's Dropout2d) "
                                 "instead of value by value."},
                        false));
     }},
    {LayerType::kEmbedding,
     "A vector per token.",
     [](Section& section) {
       return Embedding(
           section.Int({.name = "size", .help = "Values per token."},
                       std::nullopt,
                       {.min = 1}));
     }},
    {LayerType::kLstm,
     "A long short-term memory layer.",
     [](Section& section) {
       return Lstm(section.Int({.name = "units", .help = "Hidden units."},
                               std::nullopt,
                               {.min = 1}));
     }},
    {LayerType::kLastPosition,
     "The last position of a sequence.",
     [](Section&) { return Simple(LayerType::kLastPosition); }},
    {LayerType::kBatchNorm,
     "Normalises each channel over the batch.",
     [](Section&) { return Simple(LayerType::kBatchNorm); }},
    {LayerType::kGroupNorm,
     "Normalises groups of channels of each sample.",
     [](Section& section) {
       Layer layer{.type = LayerType::kGroupNorm};
       layer.groups = section.Int(
           {.name = "groups", .help = "Number of groups of channels."},
           2,
           {.min = 1});
       return layer;
     }},
    {LayerType::kGelu,
     "x times the standard normal distribution function of x.",
     [](Section&) { return Simple(LayerType::kGelu); }},
    {LayerType::kGlobalAveragePool,
     "The mean of each channel.",
     [](Section&) { return Simple(LayerType::kGlobalAveragePool); }},
    {LayerType::kLayerNorm,
     "Normalises the values of each sample or position.",
     [](Section&) { return Simple(LayerType::kLayerNorm); }},
    {LayerType::kPositionEmbedding,
     "Adds a learned vector for each position.",
     [](Section&) { return Simple(LayerType::kPositionEmbedding); }},
    {LayerType::kPositionEncoding,
     "Multiplies by the root of the number of values and adds sines and "
     "cosines of the position.",
     [](Section&) { return Simple(LayerType::kPositionEncoding); }},
    {LayerType::kSelfAttention,
     "Multi-head attention of a sequence to itself.",
     [](Section& section) {
       Layer layer = SelfAttention(section.Int(
           {.name = "heads", .help = "A divisor of the values per position."},
           1,
           {.min = 1}));
       layer.causal = section.Bool(
           {.name = "causal", .help = "See no later position."}, true);
       layer.rate =
           section.Real({.name = "dropout",
                         .help = "Probability of a zero attention weight."},
                        0.0,
                        {.min = 0.0, .max = 1.0, .open_max = true});
       return layer;
     }},
    {LayerType::kTiedDense,
     "One score per token: its products with the embedding's vectors.",
     [](Section&) { return Simple(LayerType::kTiedDense); }},
    {LayerType::kResidual,
     "Adds the output of its layers to its input.",
     ReadResidual},
};

std::vector<Layer> ReadLayers(Section& section,
                              const Key& key,
                              std::span<const Reader> readers) {
  std::vector<config::KindFacts> facts;
  for (const Reader& reader : readers) {
    facts.push_back(
        {ToText(reader.type), reader.summary, "", [&reader](Section& layer) {
           reader.read(layer);
         }});
  }
  std::vector<Layer> layers;
  for (Section& entry : section.Children(key)) {
    const auto index = entry.ChooseKindHere(facts, std::nullopt);
    if (index) layers.push_back(readers[*index].read(entry));
  }
  return layers;
}

void RequireLayers(Section& section, const std::vector<Layer>& layers) {
  if (layers.empty() && !section.recording()) {
    section.Fail("layers",
                 "expected at least one layer, such as "
                 "{name: dense}, found none");
  }
}

Layer ReadResidual(Section& section) {
  // No residual inside a residual: the schema of a config has to end.
  const std::span<const Reader> others(kReaders, std::size(kReaders) - 1);
  Layer layer{.type = LayerType::kResidual};
  layer.body = ReadLayers(
      section,
      {.name = "layers", .help = "The layers whose output is added."},
      others);
  RequireLayers(section, layer.body);
  layer.shortcut =
      ReadLayers(section,
                 {.name = "shortcut",
                  .help = "Layers that change the input before it is added; "
                          "none = the input itself."},
                 others);
  return layer;
}

// A dense layer without a width has as many outputs as there are classes.
void FillIn(std::vector<Layer>* layers, std::int64_t num_classes) {
  for (Layer& layer : *layers) {
    if (layer.type == LayerType::kDense && layer.units == 0) {
      layer.units = num_classes;
    }
    FillIn(&layer.body, num_classes);
    FillIn(&layer.shortcut, num_classes);
  }
}

std::unique_ptr<Architecture> Make(Section& section) {
  const std::vector<Layer> layers =
      ReadLayers(section,
                 {.name = "layers", .help = "The layers, first to last."},
                 kReaders);
  RequireLayers(section, layers);
  return FromFunction([layers](const InputSpec& input) {
    std::vector<Layer> filled = layers;
    FillIn(&filled, input.num_classes);
    return filled;
  });
}

}  // namespace

extern const Kind kSequential;
constinit const Kind kSequential{
    .name = "sequential",
    .summary = "The layers that the config lists, in that order.",
    .source = "written in the config",
    .make = Make,
};

}  // namespace fedtorch::model
