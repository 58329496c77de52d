#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// Classifies test images by the nearest mean of the training images.
double NearestMeanAccuracy(const Corpus& corpus) {
  const auto width = static_cast<std::size_t>(corpus.train.feature_count());
  const auto classes = static_cast<std::size_t>(corpus.train.num_classes);
  std::vector<double> means(classes * width, 0.0);
  std::vector<double> counts(classes, 0.0);
  for (std::int64_t i = 0; i < corpus.train.size(); ++i) {
    const auto label = static_cast<std::size_t>(
        corpus.train.targets[static_cast<std::size_t>(i)]);
    const auto features = FeaturesOf(corpus.train, i);
    counts[label] += 1.0;
    for (std::size_t j = 0; j < width; ++j) {
      means[label * width + j] += static_cast<double>(features[j]);
    }
  }
  double right = 0.0;
  for (std::int64_t i = 0; i < corpus.test->size(); ++i) {
    const auto features = FeaturesOf(*corpus.test, i);
    std::size_t best = 0;
    double nearest = HUGE_VAL;
    for (std::size_t label = 0; label < classes; ++label) {
      double distance = 0.0;
      for (std::size_t j = 0; j < width; ++j) {
        distance += std::pow(means[label * width + j] / counts[label] -
                                 static_cast<double>(features[j]),
                             2);
      }
      if (distance < nearest) {
        nearest = distance;
        best = label;
      }
    }
    right += corpus.test->targets[static_cast<std::size_t>(i)] ==
                     static_cast<std::int64_t>(best)
                 ? 1.0
                 : 0.0;
  }
  return right / static_cast<double>(corpus.test->size());
}

TEST(SyntheticImages, HasTheAskedShapeAndBalancedClasses) {
  const Corpus corpus = Load(
      "{name: synthetic_images, shape: [3, 5, 9], classes: 4, "
      "train_samples: 20, test_samples: 6}");
  EXPECT_THAT(corpus.train.shape, ElementsAre(3, 5, 9));
  EXPECT_THAT(corpus.train.bytes, SizeIs(20 * 135));
  EXPECT_THAT(corpus.test->targets, ElementsAre(0, 1, 2, 3, 0, 1));
  EXPECT_THAT(corpus.train.mean, SizeIs(3));
  EXPECT_FALSE(
      Load("{name: synthetic_images, test_samples: 0}").test.has_value());
}

TEST(SyntheticImages, CanBeLearned) {
  EXPECT_GT(NearestMeanAccuracy(Load("synthetic_images")), 0.95);
  // Noise far beyond the range of a byte leaves nearly nothing.
  EXPECT_LT(NearestMeanAccuracy(Load("{name: synthetic_images, noise: 60, "
                                     "shape: [1, 8, 8]}")),
            0.5);
}

TEST(SyntheticImages, NoiseHasTheStatedDeviation) {
  // Without noise all images of a class are its prototype; with little noise
  // few values are clamped, so differences show the deviation itself.
  const Dataset still =
      Load("{name: synthetic_images, noise: 0, shape: [1, 16, 16]}").train;
  const Dataset noisy =
      Load("{name: synthetic_images, noise: 0.05, shape: [1, 16, 16]}").train;
  double sum = 0.0;
  double squares = 0.0;
  double count = 0.0;
  for (std::size_t i = 0; i < still.bytes.size(); ++i) {
    if (still.bytes[i] < 60 || still.bytes[i] > 195) continue;
    const double offset = 1.0 * noisy.bytes[i] - 1.0 * still.bytes[i];
    sum += offset;
    squares += offset * offset;
    count += 1.0;
  }
  ASSERT_GT(count, 10'000);
  const double expected = 0.05 * 255.0;
  EXPECT_NEAR(sum / count, 0.0, 5 * expected / std::sqrt(count));
  // Rounding to bytes adds a variance of 1 / 12.
  EXPECT_NEAR(squares / count, expected * expected + 1.0 / 12.0, 2.0);
}

TEST(SyntheticImages, DependsOnTheSeedAndNotOnThreads) {
  const auto reader = ReaderOf("synthetic_images");
  const auto load = [&](std::size_t threads, std::uint64_t seed) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    return reader->Load(seed);
  };
  const Corpus one = load(1, 3);
  EXPECT_EQ(one.train.bytes, load(4, 3).train.bytes);
  EXPECT_EQ(one.test->bytes, load(4, 3).test->bytes);
  EXPECT_NE(one.train.bytes, load(4, 4).train.bytes);
}

TEST(SyntheticImages, RefusesOtherShapes) {
  EXPECT_THAT(ConfigRefusal("{name: synthetic_images, shape: [28, 28]}"),
              HasSubstr("found 2 numbers"));
  EXPECT_THAT(ConfigRefusal("{name: synthetic_images, shape: [4000, 4000, "
                            "4000], train_samples: 1000000000}"),
              HasSubstr("2^40"));
}

}  // namespace
}  // namespace fedtorch::data
