#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(LeafJson, ReadsImagesOfUsers) {
  const Corpus corpus = Load(
      "{name: leaf_json, train_files: [" + Sample("leaf_images.json") +
      "], shape: [1, 2, 2], test_files: [" + Sample("leaf_images.json") + "]}");
  const Dataset& train = corpus.train;
  EXPECT_EQ(train.type, FeatureType::kFloat32);
  EXPECT_THAT(train.shape, ElementsAre(1, 2, 2));
  EXPECT_THAT(train.targets, ElementsAre(3, 0, 5));
  EXPECT_EQ(train.num_classes, 6);
  EXPECT_THAT(FeaturesOf(train, 1), ElementsAre(1, 1, 1, 0.25F));
  EXPECT_THAT(train.owner_names, ElementsAre("f0000_14", "f0001_41"));
  EXPECT_THAT(train.owners, ElementsAre(0, 0, 1));
  EXPECT_EQ(corpus.test->size(), 3);
  EXPECT_THAT(corpus.notes, IsEmpty());
}

TEST(LeafJson, ReadsAllFilesOfAFolder) {
  const ScratchFolder folder;
  const auto user = [](const std::string& name, int label) {
    return "{\"users\": [\"" + name +
           "\"], \"num_samples\": [1], \"user_data\": {\"" + name +
           "\": {\"x\": [[0, 1]], \"y\": [" + std::to_string(label) + "]}}}";
  };
  folder.Write("train/b.json", user("u", 1));
  folder.Write("train/a.json", Gzip(user("v", 0)));
  folder.Write("train/c.json", user("u", 2));
  folder.Write("train/readme.txt", "no JSON");
  const std::string path = (folder.path() / "train").string();
  const Corpus corpus =
      Load("{name: leaf_json, train_files: [" + path + "], num_classes: 4}");
  EXPECT_THAT(corpus.train.targets, ElementsAre(0, 1, 2));
  // A user of two files is one owner.
  EXPECT_THAT(corpus.train.owners, ElementsAre(1, 0, 0));
  EXPECT_EQ(corpus.train.num_classes, 4);
  EXPECT_THAT(corpus.files, SizeIs(3));
  folder.Write("empty/readme.txt", "");
  EXPECT_THAT(Refusal("{name: leaf_json, train_files: [" +
                      (folder.path() / "empty").string() + "]}"),
              HasSubstr("expected .json files"));
}

TEST(LeafJson, ReadsText) {
  const Corpus corpus =
      Load("{name: leaf_json, features: text, train_files: [" +
           Sample("leaf_text.json") + "]}");
  const Dataset& train = corpus.train;
  EXPECT_EQ(train.type, FeatureType::kInt64);
  EXPECT_THAT(train.shape, ElementsAre(9));
  EXPECT_EQ(train.target_length, 1);
  EXPECT_EQ(train.size(), 2);
  // LEAF's 80 characters and the unknown one.
  EXPECT_EQ(train.num_classes, 81);
  EXPECT_EQ(train.class_names.at(static_cast<std::size_t>(train.targets[0])),
            "f");
  EXPECT_EQ(train.targets[1], 0);  // "$" is unknown
  EXPECT_EQ(train.class_names.at(static_cast<std::size_t>(train.tokens[0])),
            "o");
  EXPECT_THAT(corpus.notes,
              ElementsAre(HasSubstr("1 of 20 characters of the training set")));
  const Dataset own =
      Load(
          "{name: leaf_json, features: text, vocabulary: 'out', train_files: "
          "[" +
          Sample("leaf_text.json") + "]}")
          .train;
  // o = 1, t = 2, u = 3
  EXPECT_THAT(
      std::vector<std::int64_t>(own.tokens.begin(), own.tokens.begin() + 4),
      ElementsAre(1, 3, 2, 0));
}

TEST(LeafJson, SaysWhatIsWrong) {
  const ScratchFolder folder;
  const auto refused = [&](const std::string& json,
                           const std::string& more = "") {
    return Refusal("{name: leaf_json, train_files: [" +
                   folder.Write("a.json", json) + "]" + more + "}");
  };
  const auto user = [&](const std::string& x,
                        const std::string& y,
                        const std::string& samples = "2",
                        const std::string& more = "") {
    return refused("{\"users\": [\"u\"], \"num_samples\": [" + samples +
                       "], \"user_data\": {\"u\": {\"x\": " + x +
                       ", \"y\": " + y + "}}}",
                   more);
  };
  ASSERT_EQ(user("[[1], [2]]", "[0, 1]"), "");
  EXPECT_THAT(refused(""), HasSubstr("a.json: the file is empty"));
  EXPECT_THAT(refused("{\"users\": ["),
              AllOf(HasSubstr("a.json: byte 11"), HasSubstr("expected JSON")));
  EXPECT_THAT(refused("[]"), HasSubstr("found array"));
  EXPECT_THAT(
      refused("{\"users\": [], \"num_samples\": []}"),
      AllOf(HasSubstr("'user_data' of type object"), HasSubstr("found none")));
  EXPECT_THAT(refused("{\"users\": [], \"num_samples\": [], \"user_data\": "
                      "{}}"),
              HasSubstr("no sample"));
  EXPECT_THAT(refused("{\"users\": [\"u\"], \"num_samples\": [], "
                      "\"user_data\": {}}"),
              AllOf(HasSubstr("users (1)"), HasSubstr("found 0 and 0")));
  EXPECT_THAT(refused("{\"users\": [\"u\"], \"num_samples\": [1], "
                      "\"user_data\": {\"v\": {}}}"),
              HasSubstr("user 'u': expected an object"));
  EXPECT_THAT(user("[[1], [2]]", "[0]"),
              AllOf(HasSubstr("user 'u'"),
                    HasSubstr("samples x (2), found "
                              "1")));
  EXPECT_THAT(user("[[1], [2]]", "[0, 1]", "3"),
              AllOf(HasSubstr("expected 3 samples"), HasSubstr("found 2")));
  EXPECT_THAT(
      user("[[1], [2, 3]]", "[0, 1]"),
      AllOf(HasSubstr("sample 1: expected 1 features"), HasSubstr("found 2")));
  EXPECT_THAT(user("[[1], [\"a\"]]", "[0, 1]"),
              AllOf(HasSubstr("sample 1"), HasSubstr("found \"a\"")));
  EXPECT_THAT(user("[[1], [1e40]]", "[0, 1]"), HasSubstr("finite numbers"));
  EXPECT_THAT(
      user("[[1], [2]]", "[0, 1.5]"),
      AllOf(HasSubstr("sample 1: expected a class"), HasSubstr("found 1.5")));
  EXPECT_THAT(user("[[1], [2]]", "[0, -1]"), HasSubstr("found -1"));
  EXPECT_THAT(user("[[1], [2]]", "[0, 7]", "2", ", num_classes: 7"),
              AllOf(HasSubstr("class from 0 to 6"), HasSubstr("found 7")));
  EXPECT_THAT(user("[[1], [2]]", "[0, 1]", "2", ", shape: [1, 3]"),
              HasSubstr("expected 3 features, found 1"));
  EXPECT_THAT(user("[\"ab\", \"cd\"]", "[\"c\", \"d\"]"),
              HasSubstr("choose features: text"));
  EXPECT_THAT(
      user("[\"ab\", \"cd\"]", "[\"c\", \"de\"]", "2", ", features: text"),
      HasSubstr("sample 1: expected one character y, found 2"));
  EXPECT_THAT(ConfigRefusal("{name: leaf_json, train_files: [a], features: "
                            "text, shape: [2]}"),
              HasSubstr("numeric only"));
}

}  // namespace
}  // namespace fedtorch::data
