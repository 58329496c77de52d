#include "fedtorch/data/image_scaling.h"

#include "fedtorch/core/errors.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>

namespace fedtorch::data {
namespace {

using Histogram = std::array<std::uint64_t, 256>;

Histogram CountChannel(const Dataset& images,
                       std::size_t channel,
                       std::size_t channels) {
  const auto width = static_cast<std::size_t>(images.feature_count());
  const std::size_t plane = width / channels;
  Histogram counts{};
  for (std::size_t start = channel * plane; start < images.bytes.size();
       start += width) {
    for (std::size_t i = 0; i < plane; ++i) ++counts[images.bytes[start + i]];
  }
  return counts;
}

void MeasureChannel(const Histogram& counts, double* mean, double* deviation) {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  for (std::uint64_t value = 0; value < counts.size(); ++value) {
    count += counts[value];
    sum += counts[value] * value;
  }
  if (count == 0) return;
  const auto total = static_cast<double>(count);
  const double center = static_cast<double>(sum) / total;
  double squares = 0.0;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    const double offset = static_cast<double>(value) - center;
    squares += static_cast<double>(counts[value]) * offset * offset;
  }
  *mean = center / 255.0;
  *deviation = squares > 0.0 ? std::sqrt(squares / total) / 255.0 : 1.0;
}

std::vector<float> Narrow(const std::vector<double>& values) {
  std::vector<float> narrow;
  narrow.reserve(values.size());
  for (const double value : values) narrow.push_back(static_cast<float>(value));
  return narrow;
}

}  // namespace

ImageScaling ImageScaling::Read(config::Section& section) {
  ImageScaling scaling;
  scaling.standardize =
      section.Choice({.name = "normalize",
                      .help = "standard: value / 255, minus mean, divided by "
                              "std, per channel. none: only value / 255."},
                     {"standard", "none"},
                     "standard") == "standard";
  scaling.mean = section.Reals(
      {.name = "mean",
       .help = "Mean of each channel of value / 255; empty = computed from "
               "the training set."},
      std::vector<double>{});
  scaling.std = section.Reals(
      {.name = "std",
       .help = "Standard deviation of each channel of value / 255; empty = "
               "computed from the training set."},
      std::vector<double>{},
      {.min = 0.0, .open_min = true});
  if (section.recording()) return scaling;
  if (scaling.mean.size() != scaling.std.size()) {
    section.Fail("std",
                 "expected as many values as mean has (" +
                     std::to_string(scaling.mean.size()) + "), found " +
                     std::to_string(scaling.std.size()) +
                     "; give both or neither");
  }
  if (!scaling.standardize && !scaling.mean.empty()) {
    section.Fail("mean",
                 "expected no mean and std with normalize: none; "
                 "remove them or write normalize: standard");
  }
  return scaling;
}

void ImageScaling::Apply(Corpus* corpus) const {
  Dataset& train = corpus->train;
  train.scale = 1.0F / 255.0F;
  if (standardize) {
    const auto channels = static_cast<std::size_t>(train.shape.at(0));
    std::vector<double> center = mean;
    std::vector<double> deviation = std;
    if (center.empty()) {
      center.assign(channels, 0.0);
      deviation.assign(channels, 1.0);
      for (std::size_t c = 0; c < channels; ++c) {
        MeasureChannel(
            CountChannel(train, c, channels), &center[c], &deviation[c]);
      }
    }
    if (center.size() != channels) {
      throw core::DataError(
          train.name + ": expected one mean and one std for each of the " +
          std::to_string(channels) + " channels, found " +
          std::to_string(center.size()) + "; correct the keys mean and std");
    }
    train.mean = Narrow(center);
    train.std = Narrow(deviation);
  }
  if (corpus->test) {
    corpus->test->scale = train.scale;
    corpus->test->mean = train.mean;
    corpus->test->std = train.std;
  }
}

}  // namespace fedtorch::data
