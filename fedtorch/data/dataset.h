#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::data {

/// Tells how features are kept in memory.
enum class FeatureType {
  kUint8,    ///< image bytes, normalised on the way into a batch
  kFloat32,  ///< numeric columns
  kInt64,    ///< token ids
};

/// Holds the samples of one set.
///
/// Shapes: features [n, shape...] row-major in the vector that `type` names
/// (the other two are empty); targets [n, target_length] with values in
/// {0, ..., num_classes - 1}; owners [n] or empty.
/// Images are [channels, height, width]. A batch value is
/// (value * scale - mean[c]) / std[c], c = the channel (first entry of shape);
/// float32 columns use one mean and std per feature; empty mean = no shift.
/// Immutable after loading, so that all threads may read it.
struct Dataset {
  std::string name;
  FeatureType type = FeatureType::kFloat32;
  std::vector<std::int64_t> shape;  ///< of one sample, e.g. {1, 28, 28}
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  std::vector<std::int64_t> tokens;

  std::vector<std::int64_t> targets;
  std::int64_t target_length = 1;  ///< T for text with a target per position
  std::int64_t num_classes = 0;    ///< vocabulary size for text
  std::vector<std::string> class_names;  ///< empty or [num_classes]

  std::vector<std::int32_t> owners;      ///< index into owner_names
  std::vector<std::string> owner_names;  ///< natural clients

  float scale = 1.0F;
  std::vector<float> mean;
  std::vector<float> std;

  std::int64_t size() const {
    return static_cast<std::int64_t>(targets.size()) / target_length;
  }
  /// Number of feature values of one sample.
  std::int64_t feature_count() const;
  /// Bytes held by features, targets and owners.
  std::int64_t memory_bytes() const;
};

/// Returns the chosen samples as a dataset of their own, in the order given.
/// Cost: a copy of them.
Dataset Subset(const Dataset& dataset, std::span<const std::int64_t> indices);

/// Writes normalised features of the chosen samples, [indices, shape...].
/// Requires: type kUint8 or kFloat32; `out` holds indices * feature_count.
/// Cost: one pass. Threads: safe.
void GatherFeatures(const Dataset& dataset,
                    std::span<const std::int64_t> indices,
                    std::span<float> out);
/// Writes the token ids of the chosen samples. Requires: type kInt64.
void GatherTokens(const Dataset& dataset,
                  std::span<const std::int64_t> indices,
                  std::span<std::int64_t> out);
/// Writes the targets of the chosen samples, [indices, target_length].
void GatherTargets(const Dataset& dataset,
                   std::span<const std::int64_t> indices,
                   std::span<std::int64_t> out);

}  // namespace fedtorch::data
