#include "fedtorch/core/npz.h"

#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::IsEmpty;

template <class T>
core::NpyArray Array(const std::string& dtype,
                     std::vector<std::int64_t> shape,
                     const std::vector<T>& values) {
  core::NpyArray array{.dtype = dtype, .shape = std::move(shape), .data = {}};
  array.data.resize(values.size() * sizeof(T));
  // Not memcpy: its pointers must not be null, and there may be no value.
  std::ranges::copy(std::as_bytes(std::span(values)), array.data.begin());
  return array;
}

core::NpyArray Labels(const std::vector<std::int64_t>& values) {
  return Array<std::int64_t>(
      "<i8", {static_cast<std::int64_t>(values.size())}, values);
}

class Npz : public testing::Test {
 protected:
  using Arrays = std::vector<std::pair<std::string, core::NpyArray>>;

  std::string Config(const Arrays& arrays, const std::string& more = "") {
    return "{name: npz, path: " +
           folder_.Write("a.npz", core::NpzBytes(arrays)) + more + "}";
  }

  ScratchFolder folder_;
};

TEST_F(Npz, ReadsAFileOfNumpy) {
  // Written by numpy 2.4.6: numpy.savez_compressed(..., x_train =
  // numpy.arange(24, dtype='u1').reshape(3, 2, 4), y_train =
  // numpy.array([[1], [0], [2]], dtype='u1'), x_test = x_train[:1], y_test =
  // y_train[:1], writer = numpy.array([7, 10, 7])).
  const Corpus corpus = Load("{name: npz, path: " + Sample("numpy_images.npz") +
                             ", owner_train: writer}");
  EXPECT_EQ(corpus.train.type, FeatureType::kUint8);
  EXPECT_THAT(corpus.train.shape, ElementsAre(1, 2, 4));
  for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(corpus.train.bytes[i], i);
  EXPECT_THAT(corpus.train.targets, ElementsAre(1, 0, 2));
  EXPECT_EQ(corpus.train.num_classes, 3);
  EXPECT_THAT(corpus.train.owner_names, ElementsAre("7", "10"));
  EXPECT_THAT(corpus.train.owners, ElementsAre(0, 1, 0));
  ASSERT_TRUE(corpus.test.has_value());
  EXPECT_EQ(corpus.test->size(), 1);
  EXPECT_THAT(corpus.notes, IsEmpty());
}

TEST_F(Npz, ReadsTablesOfEveryNumber) {
  const Arrays doubles{
      {"x_train", Array<double>("<f8", {2, 2}, {1, 10, 3, 30})},
      {"y_train", Labels({0, 1})}};
  const Corpus corpus = Load(Config(doubles));
  EXPECT_EQ(corpus.train.type, FeatureType::kFloat32);
  EXPECT_THAT(corpus.train.shape, ElementsAre(2));
  EXPECT_THAT(corpus.train.floats, ElementsAre(1, 10, 3, 30));
  // Standardised: (1 - 2) / 1, (10 - 20) / 10, ...
  EXPECT_THAT(FeaturesOf(corpus.train),
              ElementsAre(FloatNear(-1, 1e-6F),
                          FloatNear(-1, 1e-6F),
                          FloatNear(1, 1e-6F),
                          FloatNear(1, 1e-6F)));
  EXPECT_FALSE(corpus.test.has_value());
  EXPECT_THAT(corpus.notes, ElementsAre(HasSubstr("no central test set")));

  const Arrays others{{"x_train", Array<std::int32_t>("<i4", {2}, {-5, 5})},
                      {"y_train", Array<std::int32_t>("<i4", {2, 1}, {1, 0})}};
  const Dataset table = Load(Config(others, ", normalize: none")).train;
  EXPECT_THAT(table.shape, ElementsAre(1));
  EXPECT_THAT(FeaturesOf(table), ElementsAre(-5, 5));
  // A table of bytes is columns, not an image.
  const Arrays bytes{{"x_train", Array<std::uint8_t>("|u1", {1, 2}, {3, 4})},
                     {"y_train", Labels({0})}};
  EXPECT_EQ(Load(Config(bytes)).train.type, FeatureType::kFloat32);
}

TEST_F(Npz, MovesChannelsFirst) {
  // A pixel is (r, g, b) = (1, 2, 3), its neighbour (4, 5, 6).
  const Arrays arrays{
      {"x_train", Array<std::uint8_t>("|u1", {1, 1, 2, 3}, {1, 2, 3, 4, 5, 6})},
      {"y_train", Labels({0})}};
  const Dataset moved = Load(Config(arrays, ", layout: channels_last")).train;
  EXPECT_THAT(moved.shape, ElementsAre(3, 1, 2));
  EXPECT_THAT(moved.bytes, ElementsAre(1, 4, 2, 5, 3, 6));
  const Dataset kept = Load(Config(arrays)).train;
  EXPECT_THAT(kept.shape, ElementsAre(1, 2, 3));
  EXPECT_THAT(kept.bytes, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(Npz, ReadsTokens) {
  const Arrays arrays{
      {"x_train", Array<std::int64_t>("<i8", {2, 3}, {1, 2, 3, 2, 3, 9})},
      {"y_train", Array<std::int64_t>("<i8", {2, 3}, {2, 3, 4, 3, 9, 1})}};
  const Dataset text = Load(Config(arrays, ", tokens: true")).train;
  EXPECT_EQ(text.type, FeatureType::kInt64);
  EXPECT_EQ(text.size(), 2);
  EXPECT_EQ(text.target_length, 3);
  EXPECT_EQ(text.num_classes, 10);
  EXPECT_THAT(text.tokens, ElementsAre(1, 2, 3, 2, 3, 9));
  EXPECT_THAT(Refusal(Config(arrays, ", tokens: true, num_classes: 9")),
              AllOf(HasSubstr("from 0 to 8"), HasSubstr("found 9")));
}

TEST_F(Npz, TakesOtherNames) {
  const Arrays arrays{{"data", Array<float>("<f4", {2, 1}, {0, 1})},
                      {"label", Labels({0, 1})},
                      {"more", Array<float>("<f4", {1, 1}, {5})},
                      {"more_label", Labels({1})}};
  const Corpus corpus =
      Load(Config(arrays,
                  ", x_train: data, y_train: label, x_test: more, "
                  "y_test: more_label"));
  EXPECT_EQ(corpus.train.size(), 2);
  EXPECT_EQ(corpus.test->size(), 1);
}

TEST_F(Npz, SaysWhatIsWrong) {
  const auto x = Array<float>("<f4", {2, 1}, {0, 1});
  EXPECT_THAT(Refusal(Config({{"x_train", x}})),
              HasSubstr("expected an array 'y_train'"));
  EXPECT_THAT(Refusal(Config({{"x_train", x}, {"y_train", Labels({1})}})),
              AllOf(HasSubstr("array 'y_train'"),
                    HasSubstr("each of the 2"),
                    HasSubstr("found 1")));
  EXPECT_THAT(Refusal(Config({{"x_train", x}, {"y_train", Labels({0, 4})}},
                             ", num_classes: 3")),
              AllOf(HasSubstr("a.npz: array 'y_train': entry 1"),
                    HasSubstr("found 4")));
  EXPECT_THAT(Refusal(Config({{"x_train", x},
                              {"y_train", Array<float>("<f4", {2}, {0, 1})}})),
              AllOf(HasSubstr("expected integers"), HasSubstr("[2] <f4")));
  EXPECT_THAT(
      Refusal(Config({{"x_train", Array<double>("<f8", {2, 1}, {0, 1e300})},
                      {"y_train", Labels({0, 1})}})),
      AllOf(HasSubstr("sample 1"), HasSubstr("finite")));
  EXPECT_THAT(Refusal(Config({{"x_train", Array<float>("<f4", {0, 4}, {})},
                              {"y_train", Labels({})}})),
              HasSubstr("no sample"));
  EXPECT_THAT(
      Refusal(
          Config({{"x_train", x}, {"y_train", Labels({0, 1})}, {"x_test", x}})),
      HasSubstr("expected an array 'y_test'"));
  EXPECT_THAT(Refusal(Config({{"x_train", x},
                              {"y_train", Labels({0, 1})},
                              {"x_test", Array<float>("<f4", {1, 2}, {0, 1})},
                              {"y_test", Labels({0})}})),
              HasSubstr("same shape"));
  EXPECT_THAT(Refusal(Config({{"x_train", x}, {"y_train", Labels({0, 1})}},
                             ", owner_train: who")),
              HasSubstr("expected an array 'who'"));
  EXPECT_THAT(Refusal(Config({{"x_train", x}, {"y_train", Labels({0, 1})}},
                             ", mean: [1], std: [1]")),
              HasSubstr("mean and std"));
  EXPECT_THAT(Refusal(Config(
                  {{"x_train", x}, {"y_train", Labels({0, 99'999'999'999})}})),
              AllOf(HasSubstr("labels below"), HasSubstr("num_classes")));
  EXPECT_THAT(
      Refusal("{name: npz, path: " + folder_.Write("no.npz", "no") + "}"),
      HasSubstr("no.npz: not an .npz file"));
}

}  // namespace
}  // namespace fedtorch::data
