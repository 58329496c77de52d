#include "fedtorch/aggregate/feature_layer.h"

#include <tbb/parallel_for.h>

#include <string_view>
#include <utility>

namespace fedtorch::aggregate {
namespace {

constexpr std::string_view kWeight = "dense.weight";
constexpr std::string_view kBias = "dense.bias";

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

}  // namespace

FeatureChoice FeatureChoice::Read(config::Section& section, bool output_layer) {
  FeatureChoice choice;
  choice.output_layer =
      section.Choice({.name = "features",
                      .help = "Values that clients are judged by: those of the "
                              "last dense layer, or the whole update."},
                     {"output_layer", "all"},
                     output_layer ? "output_layer" : "all") == "output_layer";
  return choice;
}

Features FeatureChoice::Of(const Context& context,
                           std::int64_t dimension) const {
  Features features{.offset = 0, .size = dimension, .inputs = 0, .classes = 0};
  if (!output_layer) return features;
  for (std::size_t i = context.blocks.size(); i-- > 0;) {
    const Block& weight = context.blocks[i];
    if (!EndsWith(weight.name, kWeight) || weight.shape.size() != 2) continue;
    features = {.offset = weight.offset,
                .size = weight.size,
                .inputs = weight.shape[0],
                .classes = weight.shape[1]};
    if (bias && i + 1 < context.blocks.size()) {
      const Block& next = context.blocks[i + 1];
      if (EndsWith(next.name, kBias) &&
          next.offset == weight.offset + weight.size) {
        features.size += next.size;
      }
    }
    break;
  }
  return features;
}

Matrix FeaturesOf(const Inputs& inputs, const Features& features) {
  Matrix values(inputs.size(), features.size);
  inputs.table().Visit([&](auto rows) {
    tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
      const auto out = values.Row(static_cast<std::int64_t>(i));
      const auto* from = rows[i] + features.offset;
      for (std::size_t k = 0; k < out.size(); ++k) {
        out[k] = static_cast<double>(from[k]);
      }
    });
  });
  return values;
}

std::vector<double> FeaturesOf(std::span<const double> vector,
                               const Features& features) {
  const auto part = vector.subspan(static_cast<std::size_t>(features.offset),
                                   static_cast<std::size_t>(features.size));
  return {part.begin(), part.end()};
}

UpdateTable ViewRows(const Matrix& values) {
  UpdateTable table;
  table.dimension = values.columns();
  std::vector<const double*> rows;
  for (std::int64_t i = 0; i < values.rows(); ++i) {
    rows.push_back(values.Row(i).data());
  }
  table.rows = std::move(rows);
  return table;
}

}  // namespace fedtorch::aggregate
