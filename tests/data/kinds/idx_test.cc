#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint8_t kBytes = 0x08;
constexpr std::uint8_t kInts = 0x0c;

class Idx : public testing::Test {
 protected:
  /// Writes three images of 2 x 2 with labels 2, 0, 1.
  Idx() {
    images_ = folder_.Write(
        "images",
        IdxBytes(kBytes,
                 {3, 2, 2},
                 std::string("\x00\x64\xc8\xff\x0a\x0a\x0a\x0a\x01\x02\x03\x04",
                             12)));
    labels_ = folder_.Write("labels",
                            IdxBytes(kBytes, {3}, std::string("\2\0\1", 3)));
  }

  std::string Config(const std::string& images,
                     const std::string& labels,
                     const std::string& more = "") const {
    return "{name: idx, train_images: " + images + ", train_labels: " + labels +
           more + "}";
  }
  std::string Refused(const std::string& images, const std::string& labels) {
    return Refusal(Config(folder_.Write("bad_images", images),
                          folder_.Write("bad_labels", labels)));
  }

  ScratchFolder folder_;
  std::string images_;
  std::string labels_;
};

TEST_F(Idx, ReadsImagesAndLabels) {
  const Corpus corpus = Load(Config(images_, labels_));
  const Dataset& train = corpus.train;
  EXPECT_EQ(train.type, FeatureType::kUint8);
  EXPECT_THAT(train.shape, ElementsAre(1, 2, 2));
  EXPECT_THAT(train.targets, ElementsAre(2, 0, 1));
  EXPECT_EQ(train.num_classes, 3);
  EXPECT_THAT(train.bytes,
              ElementsAre(0, 100, 200, 255, 10, 10, 10, 10, 1, 2, 3, 4));
  EXPECT_THAT(train.owners, IsEmpty());
  EXPECT_FALSE(corpus.test.has_value());
  ASSERT_THAT(corpus.files, SizeIs(2));
  EXPECT_THAT(corpus.files[0].sha256, SizeIs(64));
}

TEST_F(Idx, ReadsPackedFilesOfAnyName) {
  const std::string images =
      folder_.Write("packed", Gzip(IdxBytes(kBytes, {1, 1, 2}, "ab")));
  const std::string labels =
      folder_.Write("l.gz", IdxBytes(kBytes, {1}, std::string("\1")));
  const Dataset train = Load(Config(images, labels)).train;
  EXPECT_THAT(train.bytes, ElementsAre('a', 'b'));
  EXPECT_EQ(train.num_classes, 2);
}

TEST_F(Idx, ComputesMeanAndDeviation) {
  const Dataset train = Load(Config(images_, labels_)).train;
  // Sum 605, sum of squares 115455 over 12 values.
  const double mean = 605.0 / 12.0;
  const double deviation = std::sqrt(115455.0 / 12.0 - mean * mean);
  EXPECT_FLOAT_EQ(train.mean.at(0), static_cast<float>(mean / 255.0));
  EXPECT_FLOAT_EQ(train.std.at(0), static_cast<float>(deviation / 255.0));
  const auto features = FeaturesOf(train);
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : features) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  EXPECT_NEAR(sum / 12.0, 0.0, 1e-6);
  EXPECT_NEAR(squares / 12.0, 1.0, 1e-6);
}

TEST_F(Idx, TakesMeanAndDeviationOrNeither) {
  const Dataset given =
      Load(Config(images_, labels_, ", mean: [0.5], std: [0.25]")).train;
  EXPECT_THAT(FeaturesOf(given, 0),
              ElementsAre(FloatNear(-2.0F, 1e-6F),
                          FloatNear((100 / 255.0F - 0.5F) * 4, 1e-6F),
                          FloatNear((200 / 255.0F - 0.5F) * 4, 1e-6F),
                          FloatNear(2.0F, 1e-6F)));
  const Dataset plain =
      Load(Config(images_, labels_, ", normalize: none")).train;
  EXPECT_THAT(FeaturesOf(plain, 1), Each(FloatNear(10 / 255.0F, 1e-7F)));
  EXPECT_THAT(Refusal(Config(images_, labels_, ", mean: [1, 2], std: [1, 2]")),
              AllOf(HasSubstr("each of the 1 channels"), HasSubstr("found 2")));
  EXPECT_THAT(ConfigRefusal(Config("a", "b", ", mean: [1]")),
              HasSubstr("as many values as mean has (1), found 0"));
  EXPECT_THAT(
      ConfigRefusal(Config("a", "b", ", normalize: none, mean: [1], std: [1]")),
      HasSubstr("normalize: none"));
}

TEST_F(Idx, ReadsClassAndOwnerOfQmnistLabels) {
  std::string rows;
  for (const auto& [label, writer] : {std::pair{4, 2150}, {0, 9}, {1, 2150}}) {
    for (const int value : {label, 4, writer, 0, 0, 0, 0, 0}) {
      rows += BigEndian(value);
    }
  }
  const std::string labels =
      folder_.Write("qmnist", IdxBytes(kInts, {3, 8}, rows));
  const Dataset train =
      Load(Config(images_, labels, ", owner_column: 2")).train;
  EXPECT_THAT(train.targets, ElementsAre(4, 0, 1));
  EXPECT_THAT(train.owner_names, ElementsAre("9", "2150"));
  EXPECT_THAT(train.owners, ElementsAre(1, 0, 1));
  EXPECT_THAT(Load(Config(images_, labels, ", label_column: 1")).train.targets,
              ElementsAre(4, 4, 4));
  EXPECT_THAT(Refusal(Config(images_, labels, ", owner_column: 8")),
              AllOf(HasSubstr("owner_column"),
                    HasSubstr("from 0 to 7"),
                    HasSubstr("found 8")));
  EXPECT_THAT(Refusal(Config(images_, labels_, ", owner_column: 1")),
              AllOf(HasSubstr("owner_column"), HasSubstr("from 0 to 0")));
}

TEST_F(Idx, ReadsATestSetOfTheSameSize) {
  const std::string test_labels =
      folder_.Write("test_labels", IdxBytes(kBytes, {1}, std::string("\5")));
  const std::string test =
      ", test_images: " +
      folder_.Write("test_images", IdxBytes(kBytes, {1, 2, 2}, "abcd")) +
      ", test_labels: " + test_labels;
  const Corpus corpus = Load(Config(images_, labels_, test));
  ASSERT_TRUE(corpus.test.has_value());
  EXPECT_THAT(corpus.test->targets, ElementsAre(5));
  // The classes are those of both sets, the normalisation that of the first.
  EXPECT_EQ(corpus.train.num_classes, 6);
  EXPECT_EQ(corpus.test->num_classes, 6);
  EXPECT_EQ(corpus.test->mean, corpus.train.mean);
  EXPECT_THAT(corpus.files, SizeIs(4));

  const std::string other =
      ", test_images: " +
      folder_.Write("other", IdxBytes(kBytes, {1, 2, 1}, "ab")) +
      ", test_labels: " + test_labels;
  EXPECT_THAT(Refusal(Config(images_, labels_, other)),
              AllOf(HasSubstr("2 x 2"), HasSubstr("found 2 x 1")));
  EXPECT_THAT(ConfigRefusal(Config("a", "b", ", test_images: c")),
              HasSubstr("both test_images and test_labels"));
}

TEST_F(Idx, RefusesLabelsBeyondTheClasses) {
  EXPECT_THAT(Refusal(Config(images_, labels_, ", num_classes: 2")),
              AllOf(HasSubstr("labels: label 0: expected a class from 0 to 1"),
                    HasSubstr("found 2")));
  EXPECT_THAT(Load(Config(images_, labels_, ", class_names: [a, b, c]"))
                  .train.class_names,
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(Refusal(Config(images_, labels_, ", class_names: [a, b]")),
              HasSubstr("label 0"));
  EXPECT_THAT(
      ConfigRefusal(Config("a", "b", ", num_classes: 3, class_names: [a, b]")),
      HasSubstr("expected 3 names (num_classes), found 2"));
  const std::string negative = folder_.Write(
      "negative",
      IdxBytes(kInts, {3}, BigEndian(0) + BigEndian(-1) + BigEndian(1)));
  EXPECT_THAT(Refusal(Config(images_, negative)),
              AllOf(HasSubstr("label 1"), HasSubstr("found -1")));
}

TEST_F(Idx, SaysWhatIsWrongWithAFile) {
  const std::string images = IdxBytes(kBytes, {1, 2, 2}, "abcd");
  const std::string labels = IdxBytes(kBytes, {1}, std::string("\1"));
  ASSERT_EQ(Refused(images, labels), "");
  EXPECT_THAT(Refused("", labels), HasSubstr("bad_images: the file is empty"));
  EXPECT_THAT(Refused(images, std::string(3, '\0')),
              AllOf(HasSubstr("bad_labels"), HasSubstr("found 3 bytes")));
  EXPECT_THAT(Refused("PK\3\4 no", labels),
              AllOf(HasSubstr("byte 0: wrong magic number"),
                    HasSubstr("'PK\\x03\\x04'")));
  EXPECT_THAT(Refused(images.substr(0, 10), labels),
              AllOf(HasSubstr("header of 16 bytes"), HasSubstr("found 10")));
  EXPECT_THAT(Refused(images.substr(0, 18), labels),
              AllOf(HasSubstr("1 x 2 x 2 uint8"),
                    HasSubstr("that is 4 bytes"),
                    HasSubstr("found 2 bytes")));
  EXPECT_THAT(Refused(images + "e", labels), HasSubstr("found 5 bytes"));
  // Claims 2^96 bytes; nothing of that size is allocated.
  EXPECT_THAT(
      Refused(IdxBytes(kBytes, {0xffffffff, 0xffffffff, 0xffffffff}, "abcd"),
              labels),
      HasSubstr("4294967295 x 4294967295 x 4294967295"));
  EXPECT_THAT(
      Refused(IdxBytes(kBytes, {2, 1, 2}, "abcd"), labels),
      AllOf(HasSubstr("each of the 1 labels"), HasSubstr("found 2 images")));
  EXPECT_THAT(Refused(labels, labels), HasSubstr("expected images"));
  EXPECT_THAT(Refused(IdxBytes(kBytes, {1, 0, 9}, ""), labels),
              HasSubstr("expected images"));
  EXPECT_THAT(Refused(images, images), HasSubstr("expected labels"));
  EXPECT_THAT(Refused(images, IdxBytes(kBytes, {0}, "")),
              HasSubstr("there is no label"));
}

}  // namespace
}  // namespace fedtorch::data
