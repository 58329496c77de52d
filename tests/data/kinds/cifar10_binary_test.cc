#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// Makes a record whose planes have the values r, g, b.
std::string Record(int label, int r, int g, int b) {
  std::string record(1, static_cast<char>(label));
  for (const int value : {r, g, b}) {
    record += std::string(1024, static_cast<char>(value));
  }
  return record;
}

TEST(Cifar10Binary, ReadsRecordsOfSeveralFiles) {
  const ScratchFolder folder;
  const std::string one =
      folder.Write("one.bin", Record(3, 10, 20, 30) + Record(9, 30, 20, 10));
  const std::string two = folder.Write("two.gz", Gzip(Record(0, 20, 20, 50)));
  const Corpus corpus = Load("{name: cifar10_binary, train_files: [" + one +
                             ", " + two + "], test_files: [" + two + "]}");
  const Dataset& train = corpus.train;
  EXPECT_THAT(train.shape, ElementsAre(3, 32, 32));
  EXPECT_THAT(train.targets, ElementsAre(3, 9, 0));
  EXPECT_EQ(train.num_classes, 10);
  EXPECT_EQ(train.class_names.at(3), "cat");
  EXPECT_THAT(train.bytes, SizeIs(3 * 3072));
  EXPECT_EQ(train.bytes[3072 + 1024], 20);
  // Red 10, 30, 20: mean 20, variance 200 / 3; green never varies.
  EXPECT_FLOAT_EQ(train.mean.at(0), 20.0F / 255.0F);
  EXPECT_FLOAT_EQ(train.std.at(0), std::sqrt(200.0F / 3.0F) / 255.0F);
  EXPECT_FLOAT_EQ(train.std.at(1), 1.0F);
  EXPECT_FLOAT_EQ(train.mean.at(2), 30.0F / 255.0F);
  ASSERT_TRUE(corpus.test.has_value());
  EXPECT_THAT(corpus.test->targets, ElementsAre(0));
  EXPECT_EQ(corpus.test->mean, train.mean);
  EXPECT_THAT(corpus.files, SizeIs(3));
}

TEST(Cifar10Binary, SaysWhatIsWrongWithAFile) {
  const ScratchFolder folder;
  const auto refused = [&](const std::string& bytes) {
    return Refusal("{name: cifar10_binary, train_files: [" +
                   folder.Write("bad.bin", bytes) + "]}");
  };
  ASSERT_EQ(refused(Record(1, 1, 2, 3)), "");
  EXPECT_THAT(refused(""), HasSubstr("bad.bin: the file is empty"));
  EXPECT_THAT(refused(Record(1, 1, 2, 3) + "xy"),
              AllOf(HasSubstr("records of 3073 bytes"),
                    HasSubstr("3075"),
                    HasSubstr("1 records and 2 bytes")));
  EXPECT_THAT(refused(Record(1, 1, 2, 3) + Record(10, 1, 2, 3)),
              AllOf(HasSubstr("byte 3073: record 1"), HasSubstr("found 10")));
  EXPECT_THAT(ConfigRefusal("{name: cifar10_binary, train_files: []}"),
              HasSubstr("at least one file"));
}

}  // namespace
}  // namespace fedtorch::data
