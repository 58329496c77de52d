#include "fedtorch/data/dataset.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

/// Makes random images; width of a plane is not a multiple of any block.
Dataset Images(std::int64_t samples,
               std::int64_t channels,
               std::int64_t height,
               std::int64_t width) {
  Dataset images;
  images.name = "images";
  images.type = FeatureType::kUint8;
  images.shape = {channels, height, width};
  auto stream = core::Stream::Named(1, "dataset_test");
  for (std::int64_t i = 0; i < samples * channels * height * width; ++i) {
    images.bytes.push_back(static_cast<std::uint8_t>(stream.Below(256)));
  }
  for (std::int64_t i = 0; i < samples; ++i) images.targets.push_back(i % 3);
  images.num_classes = 3;
  return images;
}

TEST(Dataset, CountsSamplesFeaturesAndBytes) {
  Dataset images = Images(4, 3, 5, 7);
  EXPECT_EQ(images.size(), 4);
  EXPECT_EQ(images.feature_count(), 105);
  images.owners = {0, 0, 1, 1};
  EXPECT_EQ(images.memory_bytes(), 4 * 105 + 4 * 8 + 4 * 4);
  Dataset text;
  text.targets.resize(60);
  text.target_length = 20;
  EXPECT_EQ(text.size(), 3);
}

TEST(GatherFeatures, NormalisesImagesByChannel) {
  for (const std::int64_t width : {1, 4, 7, 16, 33}) {
    Dataset images = Images(5, 3, 3, width);
    images.scale = 1.0F / 255.0F;
    images.mean = {0.1F, 0.5F, 0.9F};
    images.std = {0.25F, 2.0F, 1.0F};
    const std::vector<std::int64_t> indices{4, 0, 4};
    const auto count = static_cast<std::size_t>(images.feature_count());
    std::vector<float> out(indices.size() * count, -99.0F);
    GatherFeatures(images, indices, out);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      for (std::size_t j = 0; j < count; ++j) {
        const std::size_t channel = j / (count / 3);
        const auto from = static_cast<std::size_t>(indices[i]) * count + j;
        const double expected = (images.bytes[from] / 255.0 -
                                 static_cast<double>(images.mean[channel])) /
                                static_cast<double>(images.std[channel]);
        EXPECT_NEAR(out[i * count + j], expected, 1e-6);
      }
    }
  }
}

TEST(GatherFeatures, ScalesImagesWithoutMean) {
  Dataset images = Images(2, 1, 2, 2);
  images.bytes = {0, 51, 255, 1, 2, 3, 4, 5};
  images.scale = 1.0F / 255.0F;
  const std::vector<std::int64_t> indices{0};
  std::vector<float> out(4);
  GatherFeatures(images, indices, out);
  EXPECT_THAT(
      out,
      ElementsAre(0.0F, FloatEq(0.2F), FloatEq(1.0F), FloatEq(1.0F / 255.0F)));
}

TEST(GatherFeatures, NormalisesColumnsByFeature) {
  Dataset table;
  table.shape = {2};
  table.floats = {1, 10, 3, 20, 5, 30};
  table.targets = {0, 1, 0};
  const std::vector<std::int64_t> indices{2, 0};
  std::vector<float> out(4);
  GatherFeatures(table, indices, out);
  EXPECT_THAT(out, ElementsAre(5, 30, 1, 10));
  table.scale = 2.0F;
  GatherFeatures(table, indices, out);
  EXPECT_THAT(out, ElementsAre(10, 60, 2, 20));
  table.mean = {4, 20};
  table.std = {2, 0.5F};
  GatherFeatures(table, indices, out);
  EXPECT_THAT(out, ElementsAre(3, 80, -1, 0));
}

TEST(GatherTargets, CopiesATargetPerPosition) {
  Dataset text;
  text.type = FeatureType::kInt64;
  text.shape = {3};
  text.target_length = 3;
  text.tokens = {1, 2, 3, 4, 5, 6};
  text.targets = {2, 3, 4, 5, 6, 7};
  text.num_classes = 8;
  const std::vector<std::int64_t> indices{1, 0, 1};
  std::vector<std::int64_t> out(9);
  GatherTokens(text, indices, out);
  EXPECT_THAT(out, ElementsAre(4, 5, 6, 1, 2, 3, 4, 5, 6));
  GatherTargets(text, indices, out);
  EXPECT_THAT(out, ElementsAre(5, 6, 7, 2, 3, 4, 5, 6, 7));
}

TEST(GatherFeatures, CallsWrongRequestsABug) {
  const Dataset images = Images(2, 1, 2, 2);
  std::vector<float> out(4);
  std::vector<std::int64_t> ids(4);
  const std::vector<std::int64_t> good{1};
  const std::vector<std::int64_t> past{2};
  const std::vector<std::int64_t> negative{-1};
  EXPECT_NO_THROW(GatherFeatures(images, good, out));
  EXPECT_THROW(GatherFeatures(images, past, out), core::Bug);
  EXPECT_THROW(GatherFeatures(images, negative, out), core::Bug);
  EXPECT_THROW(GatherFeatures(images, good, std::span(out).first(3)),
               core::Bug);
  EXPECT_THROW(GatherTokens(images, good, ids), core::Bug);
}

}  // namespace
}  // namespace fedtorch::data
