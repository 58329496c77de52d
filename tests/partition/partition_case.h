#pragma once

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/partition/partitioner.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::partition {

using Matrix = std::vector<std::vector<std::int64_t>>;

/// Makes the partitioner of a config text such as "{name: shards}".
inline std::unique_ptr<Partitioner> FromText(const std::string& text) {
  auto document =
      config::Document::FromText("partition: " + text, "partition_test.yaml");
  auto root = document.Root();
  auto partitioner = config::MakeKind(
      root, {.name = "partition", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return partitioner;
}

/// Makes a data set of targets alone.
inline data::Dataset WithTargets(std::vector<std::int64_t> targets,
                                 std::int64_t num_classes) {
  data::Dataset dataset;
  dataset.name = "targets";
  dataset.targets = std::move(targets);
  dataset.num_classes = num_classes;
  return dataset;
}

/// Makes classes of equal size, interleaved: 0, 1, ..., K - 1, 0, 1, ...
inline data::Dataset Balanced(std::int64_t samples, std::int64_t num_classes) {
  std::vector<std::int64_t> targets;
  for (std::int64_t i = 0; i < samples; ++i) targets.push_back(i % num_classes);
  return WithTargets(std::move(targets), num_classes);
}

/// Makes class k of first_size * (k + 1) samples, in random order.
inline data::Dataset Unbalanced(std::int64_t first_size,
                                std::int64_t num_classes,
                                std::uint64_t seed) {
  std::vector<std::int64_t> targets;
  for (std::int64_t label = 0; label < num_classes; ++label) {
    targets.insert(targets.end(),
                   static_cast<std::size_t>(first_size * (label + 1)),
                   label);
  }
  core::Stream::Named(seed, "unbalanced").Shuffle(std::span(targets));
  return WithTargets(std::move(targets), num_classes);
}

/// Makes a data set of texts with a target at each of `length` positions.
inline data::Dataset Texts(std::int64_t samples, std::int64_t length) {
  data::Dataset dataset = Balanced(samples * length, 20);
  dataset.name = "texts";
  dataset.type = data::FeatureType::kInt64;
  dataset.target_length = length;
  return dataset;
}

/// Counts samples by client and class, the plain way.
inline Matrix CountMatrix(const ClientShards& shards,
                          const data::Dataset& dataset) {
  Matrix counts;
  for (std::int64_t client = 0; client < shards.num_clients(); ++client) {
    counts.emplace_back(static_cast<std::size_t>(dataset.num_classes), 0);
    for (const std::int64_t sample : shards.Of(client)) {
      const auto label = dataset.targets[static_cast<std::size_t>(sample)];
      ++counts.back()[static_cast<std::size_t>(label)];
    }
  }
  return counts;
}

inline std::vector<std::int64_t> SizesOf(const ClientShards& shards) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t client = 0; client < shards.num_clients(); ++client) {
    sizes.push_back(shards.SizeOf(client));
  }
  return sizes;
}

/// Returns the message of the ConfigError that a request ends with, or "".
inline std::string Refusal(const std::string& text, const Input& input) {
  try {
    FromText(text)->Partition(input);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace fedtorch::partition
