#include "fedtorch/data/feature_scaling.h"

#include "fedtorch/core/errors.h"

#include <cmath>
#include <vector>

namespace fedtorch::data {

void StandardizeFeatures(std::span<const std::uint8_t> chosen, Corpus* corpus) {
  Dataset& train = corpus->train;
  FEDTORCH_CHECK(train.type == FeatureType::kFloat32, "features are floats");
  const auto width = static_cast<std::size_t>(train.feature_count());
  FEDTORCH_CHECK(chosen.empty() || chosen.size() == width,
                 "one mark a feature");
  if (train.floats.empty()) return;
  const std::size_t rows = train.floats.size() / width;
  const auto samples = static_cast<double>(rows);
  const float* values = train.floats.data();
  std::vector<double> mean(width, 0.0);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      mean[j] += static_cast<double>(values[i * width + j]);
    }
  }
  for (double& value : mean) value /= samples;
  std::vector<double> squares(width, 0.0);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      const double offset =
          static_cast<double>(values[i * width + j]) - mean[j];
      squares[j] += offset * offset;
    }
  }
  train.mean.assign(width, 0.0F);
  train.std.assign(width, 1.0F);
  for (std::size_t j = 0; j < width; ++j) {
    if (!chosen.empty() && chosen[j] == 0) continue;
    train.mean[j] = static_cast<float>(mean[j]);
    const auto deviation = static_cast<float>(std::sqrt(squares[j] / samples));
    // A deviation below the resolution of the values is rounding, not spread.
    const float resolution = std::fabs(train.mean[j]) * 1e-6F;
    if (deviation > resolution) train.std[j] = deviation;
  }
  if (corpus->test) {
    corpus->test->mean = train.mean;
    corpus->test->std = train.std;
  }
}

}  // namespace fedtorch::data
