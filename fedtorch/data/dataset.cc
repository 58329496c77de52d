#include "fedtorch/data/dataset.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/data/scale_bytes.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace fedtorch::data {
namespace {

/// Asks for a row of bytes ahead of its use. A batch is a random choice of
/// rows: without this, waiting for memory takes longer than the arithmetic.
void Prefetch(const std::uint8_t* row, std::size_t width) {
  constexpr std::size_t kCacheLine = 64;
  for (std::size_t i = 0; i < width; i += kCacheLine) {
    __builtin_prefetch(row + i);
  }
}

std::size_t RowOf(const Dataset& dataset, std::int64_t index) {
  FEDTORCH_CHECK(index >= 0 && index < dataset.size(),
                 "sample " + std::to_string(index) + " of " +
                     std::to_string(dataset.size()) + " in '" + dataset.name +
                     "'");
  return static_cast<std::size_t>(index);
}

void CheckRoom(std::size_t found, std::size_t samples, std::size_t width) {
  FEDTORCH_CHECK(found == samples * width,
                 "room for " + std::to_string(found) + " values, expected " +
                     std::to_string(samples) + " x " + std::to_string(width));
}

/// Copies rows of `width` values.
void GatherRows(const Dataset& dataset,
                const std::vector<std::int64_t>& rows,
                std::size_t width,
                std::span<const std::int64_t> indices,
                std::span<std::int64_t> out) {
  CheckRoom(out.size(), indices.size(), width);
  std::int64_t* to = out.data();
  for (const std::int64_t index : indices) {
    const std::int64_t* from = rows.data() + RowOf(dataset, index) * width;
    std::copy(from, from + width, to);
    to += width;
  }
}

void GatherBytes(const Dataset& dataset,
                 std::size_t width,
                 std::span<const std::int64_t> indices,
                 float* to) {
  const std::size_t channels = std::max<std::size_t>(dataset.mean.size(), 1);
  FEDTORCH_CHECK(width % channels == 0, "one mean a channel");
  const std::size_t plane = width / channels;
  const auto row = [&](std::size_t i) {
    return dataset.bytes.data() + RowOf(dataset, indices[i]) * width;
  };
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i + 1 < indices.size()) Prefetch(row(i + 1), width);
    const std::uint8_t* from = row(i);
    for (std::size_t c = 0; c < channels; ++c) {
      const float mean = dataset.mean.empty() ? 0.0F : dataset.mean[c];
      const float deviation = dataset.std.empty() ? 1.0F : dataset.std[c];
      ScaleBytes(from, plane, dataset.scale / deviation, mean / deviation, to);
      from += plane;
      to += plane;
    }
  }
}

void GatherFloats(const Dataset& dataset,
                  std::size_t width,
                  std::span<const std::int64_t> indices,
                  float* to) {
  const float scale = dataset.scale;
  const bool plain = scale == 1.0F && dataset.mean.empty();
  FEDTORCH_CHECK(dataset.mean.empty() || dataset.mean.size() == width,
                 "one mean a feature");
  const float* mean = dataset.mean.data();
  const float* deviation = dataset.std.data();
  for (const std::int64_t index : indices) {
    const float* from = dataset.floats.data() + RowOf(dataset, index) * width;
    if (plain) {
      std::memcpy(to, from, width * sizeof(float));
    } else if (dataset.mean.empty()) {
      for (std::size_t j = 0; j < width; ++j) to[j] = from[j] * scale;
    } else {
      for (std::size_t j = 0; j < width; ++j) {
        to[j] = (from[j] * scale - mean[j]) / deviation[j];
      }
    }
    to += width;
  }
}

}  // namespace

std::int64_t Dataset::feature_count() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::int64_t Dataset::memory_bytes() const {
  return static_cast<std::int64_t>(
      bytes.size() + floats.size() * sizeof(float) +
      (tokens.size() + targets.size()) * sizeof(std::int64_t) +
      owners.size() * sizeof(std::int32_t));
}

void GatherFeatures(const Dataset& dataset,
                    std::span<const std::int64_t> indices,
                    std::span<float> out) {
  FEDTORCH_CHECK(dataset.type != FeatureType::kInt64,
                 "features of '" + dataset.name + "' are token ids");
  FEDTORCH_CHECK(dataset.mean.size() == dataset.std.size(),
                 "as many deviations as means");
  const auto width = static_cast<std::size_t>(dataset.feature_count());
  CheckRoom(out.size(), indices.size(), width);
  if (dataset.type == FeatureType::kUint8) {
    GatherBytes(dataset, width, indices, out.data());
  } else {
    GatherFloats(dataset, width, indices, out.data());
  }
}

void GatherTokens(const Dataset& dataset,
                  std::span<const std::int64_t> indices,
                  std::span<std::int64_t> out) {
  FEDTORCH_CHECK(dataset.type == FeatureType::kInt64,
                 "features of '" + dataset.name + "' are no token ids");
  GatherRows(dataset,
             dataset.tokens,
             static_cast<std::size_t>(dataset.feature_count()),
             indices,
             out);
}

void GatherTargets(const Dataset& dataset,
                   std::span<const std::int64_t> indices,
                   std::span<std::int64_t> out) {
  GatherRows(dataset,
             dataset.targets,
             static_cast<std::size_t>(dataset.target_length),
             indices,
             out);
}

Dataset Subset(const Dataset& dataset, std::span<const std::int64_t> indices) {
  Dataset chosen = dataset;
  const auto take = [&](auto* values, std::int64_t width) {
    if (values->empty()) return;
    const auto step = static_cast<std::size_t>(width);
    std::remove_reference_t<decltype(*values)> out;
    out.reserve(indices.size() * step);
    for (const std::int64_t index : indices) {
      const auto first =
          values->begin() +
          static_cast<std::ptrdiff_t>(static_cast<std::size_t>(index) * step);
      out.insert(out.end(), first, first + width);
    }
    *values = std::move(out);
  };
  take(&chosen.bytes, dataset.feature_count());
  take(&chosen.floats, dataset.feature_count());
  take(&chosen.tokens, dataset.feature_count());
  take(&chosen.targets, dataset.target_length);
  take(&chosen.owners, 1);
  return chosen;
}

}  // namespace fedtorch::data
