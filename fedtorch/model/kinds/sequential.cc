#include "fedtorch/model/model.h"

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
       return Dropout(
           section.Real({.name = "rate", .help = "Probability of a zero."},
                        0.5,
                        {.min = 0.0, .max = 1.0, .open_max = true}));
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
};

std::unique_ptr<Architecture> Make(Section& section) {
  std::vector<config::KindFacts> facts;
  for (const Reader& reader : kReaders) {
    facts.push_back(
        {ToText(reader.type), reader.summary, "", [&reader](Section& layer) {
           reader.read(layer);
         }});
  }
  std::vector<Layer> layers;
  const Key key{.name = "layers", .help = "The layers, first to last."};
  for (Section& entry : section.Children(key)) {
    const auto index = entry.ChooseKindHere(facts, std::nullopt);
    if (index) layers.push_back(kReaders[*index].read(entry));
  }
  if (layers.empty() && !section.recording()) {
    section.Fail("layers",
                 "expected at least one layer, such as "
                 "{name: dense}, found none");
  }
  return FromFunction([layers](const InputSpec& input) {
    std::vector<Layer> filled = layers;
    for (Layer& layer : filled) {
      if (layer.type == LayerType::kDense && layer.units == 0) {
        layer.units = input.num_classes;
      }
    }
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
