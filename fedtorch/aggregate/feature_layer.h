#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Names the values of the flat vector that a rule judges clients by.
struct Features {
  std::int64_t offset = 0;
  std::int64_t size = 0;
  /// Shape [inputs, classes] of the dense weight at `offset`; classes = 0 where
  /// the values are no output layer.
  std::int64_t inputs = 0;
  std::int64_t classes = 0;
};

/// Whether features are the output layer or the whole update.
struct FeatureChoice {
  bool output_layer = true;
  bool bias = true;  ///< whether the bias of the output layer is among them

  /// Reads `features`: output_layer or all.
  static FeatureChoice Read(config::Section& section, bool output_layer);
  /// The output layer is the last dense weight of Context::blocks, with the
  /// bias right behind it. Where the layers are unknown, or none is dense, the
  /// features are all `dimension` values.
  Features Of(const Context& context, std::int64_t dimension) const;
};

/// Copies the features of every input, [n, features.size], float64.
Matrix FeaturesOf(const Inputs& inputs, const Features& features);
/// The same of one vector [dimension].
std::vector<double> FeaturesOf(std::span<const double> vector,
                               const Features& features);
/// Views the rows of `values`, which must live longer.
UpdateTable ViewRows(const Matrix& values);

}  // namespace fedtorch::aggregate
