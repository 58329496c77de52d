#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/data/reader.h"

#include <vector>

namespace fedtorch::data {

/// Holds how image bytes become numbers: value / 255, then shifted and scaled
/// by one mean and one deviation a channel (both in units of value / 255).
struct ImageScaling {
  bool standardize = true;
  std::vector<double> mean;  ///< empty = computed from the training set
  std::vector<double> std;   ///< as many as means

  /// Reads the keys normalize, mean and std.
  static ImageScaling Read(config::Section& section);

  /// Sets scale, mean and std of both sets of uint8 images. A channel that
  /// never varies keeps deviation 1.
  /// Throws: DataError when the number of means is not that of the channels.
  /// Cost: one pass over the training bytes where something is computed; the
  /// result is exact to the last bit of a double (sums are integers).
  void Apply(Corpus* corpus) const;
};

}  // namespace fedtorch::data
