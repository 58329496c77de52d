#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/image_scaling.h"
#include "fedtorch/data/reader.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

constexpr std::int64_t kPatch = 4;
constexpr std::int64_t kMaxValues = std::int64_t{1} << 40;

struct Options {
  std::vector<std::int64_t> shape;  // channels, height, width
  std::int64_t classes = 10;
  std::int64_t train_samples = 1000;
  std::int64_t test_samples = 200;
  double noise = 0.5;
};

/// Returns about N(0, 1): the centred sum of four uniform bytes, scaled. It
/// costs one draw where an exact normal costs logarithm and cosine, which for
/// images would take longer than the training they serve.
double NearlyNormal(core::Stream& stream) {
  const std::uint32_t bits = stream.Bits32();
  const std::uint32_t sum = (bits & 0xff) + ((bits >> 8) & 0xff) +
                            ((bits >> 16) & 0xff) + (bits >> 24);
  // A uniform byte has mean 127.5 and variance (256^2 - 1) / 12.
  static const double kDeviation = std::sqrt(4.0 * 65535.0 / 12.0);
  return (static_cast<double>(sum) - 510.0) / kDeviation;
}

/// Generates images that are a prototype of their class plus noise. A prototype
/// is a mosaic of random grey values in patches of 4 x 4, so that convolutions
/// and pooling find something. Class of sample i: i mod classes.
class SyntheticImages final : public Reader {
 public:
  SyntheticImages(Options options, ImageScaling scaling)
      : options_(std::move(options)), scaling_(std::move(scaling)) {}

  Corpus Load(std::uint64_t seed) const override {
    const std::vector<std::uint8_t> prototypes = DrawPrototypes(seed);
    Corpus corpus;
    corpus.train = DrawSet(prototypes,
                           options_.train_samples,
                           seed,
                           "data.synthetic_images.train");
    if (options_.test_samples > 0) {
      corpus.test = DrawSet(prototypes,
                            options_.test_samples,
                            seed,
                            "data.synthetic_images.test");
    }
    scaling_.Apply(&corpus);
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  std::size_t Width() const {
    return static_cast<std::size_t>(options_.shape[0] * options_.shape[1] *
                                    options_.shape[2]);
  }

  /// [classes, channels, height, width]
  std::vector<std::uint8_t> DrawPrototypes(std::uint64_t seed) const {
    const std::int64_t height = options_.shape[1];
    const std::int64_t width = options_.shape[2];
    const std::int64_t columns = (width + kPatch - 1) / kPatch;
    const std::int64_t rows = (height + kPatch - 1) / kPatch;
    std::vector<std::uint8_t> prototypes;
    prototypes.reserve(static_cast<std::size_t>(options_.classes) * Width());
    std::vector<std::uint8_t> patches(static_cast<std::size_t>(rows * columns));
    for (std::int64_t label = 0; label < options_.classes; ++label) {
      for (std::int64_t channel = 0; channel < options_.shape[0]; ++channel) {
        auto stream =
            core::Stream::Named(seed,
                                "data.synthetic_images.prototype",
                                {static_cast<std::uint64_t>(label),
                                 static_cast<std::uint64_t>(channel)});
        for (std::uint8_t& patch : patches) {
          patch = static_cast<std::uint8_t>(stream.Below(256));
        }
        for (std::int64_t y = 0; y < height; ++y) {
          for (std::int64_t x = 0; x < width; ++x) {
            prototypes.push_back(patches[static_cast<std::size_t>(
                y / kPatch * columns + x / kPatch)]);
          }
        }
      }
    }
    return prototypes;
  }

  Dataset DrawSet(std::span<const std::uint8_t> prototypes,
                  std::int64_t samples,
                  std::uint64_t seed,
                  const char* purpose) const {
    const std::size_t width = Width();
    Dataset set;
    set.name = "synthetic_images";
    set.type = FeatureType::kUint8;
    set.shape = options_.shape;
    set.num_classes = options_.classes;
    set.bytes.resize(static_cast<std::size_t>(samples) * width);
    set.targets.resize(static_cast<std::size_t>(samples));
    const double deviation = 255.0 * options_.noise;
    tbb::parallel_for(std::int64_t{0}, samples, [&](std::int64_t i) {
      const std::int64_t label = i % options_.classes;
      const auto index = static_cast<std::size_t>(i);
      set.targets[index] = label;
      const std::uint8_t* prototype =
          prototypes.data() + static_cast<std::size_t>(label) * width;
      std::uint8_t* image = set.bytes.data() + index * width;
      auto stream =
          core::Stream::Named(seed, purpose, {static_cast<std::uint64_t>(i)});
      for (std::size_t j = 0; j < width; ++j) {
        const double value = prototype[j] + deviation * NearlyNormal(stream);
        image[j] = static_cast<std::uint8_t>(
            std::lround(std::clamp(value, 0.0, 255.0)));
      }
    });
    return set;
  }

  Options options_;
  ImageScaling scaling_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  Options options;
  options.shape = section.Ints(
      {.name = "shape", .help = "Channels, height and width of an image."},
      std::vector<std::int64_t>{1, 28, 28},
      {.min = 1, .max = 4096});
  options.classes = section.Int(
      {.name = "classes", .help = "Number of classes.", .unit = "classes"},
      10,
      {.min = 2, .max = 1'000'000});
  options.train_samples = section.Int(
      {.name = "train_samples",
       .help = "Images to train on, in equal numbers of each class.",
       .unit = "samples"},
      1000,
      {.min = 1, .max = 1'000'000'000});
  options.test_samples =
      section.Int({.name = "test_samples",
                   .help = "Images of the central test set; 0 = no test set.",
                   .unit = "samples"},
                  200,
                  {.min = 0, .max = 1'000'000'000});
  options.noise = section.Real(
      {.name = "noise",
       .help = "Standard deviation of the noise on each value, in units of "
               "the range of a byte; values are clamped to the range."},
      0.5,
      {.min = 0.0, .max = 100.0});
  ImageScaling scaling = ImageScaling::Read(section);
  if (options.shape.size() != 3) {
    if (!section.recording()) {
      section.Fail("shape",
                   "expected channels, height and width, found " +
                       std::to_string(options.shape.size()) + " numbers");
    }
    options.shape = {1, 28, 28};
  }
  const std::int64_t most =
      std::max({options.train_samples, options.test_samples, options.classes});
  const std::int64_t width =
      options.shape[0] * options.shape[1] * options.shape[2];
  if (!section.recording() && most > kMaxValues / width) {
    section.Fail("shape",
                 "expected at most 2^40 bytes of images, found " +
                     std::to_string(most) + " images of " +
                     std::to_string(width) + " bytes");
  }
  return std::make_unique<SyntheticImages>(std::move(options),
                                           std::move(scaling));
}

}  // namespace

extern const Kind kSyntheticImages;
constinit const Kind kSyntheticImages{
    .name = "synthetic_images",
    .summary =
        "Random class prototypes plus noise, as bytes; generated, not "
        "read. For tests and benchmarks of any image size.",
    .source = "Defined here: mosaics of 4 x 4 patches, one grey value each",
    .make = Make};

}  // namespace fedtorch::data
