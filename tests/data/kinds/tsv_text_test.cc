#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class TsvText : public testing::Test {
 protected:
  std::string Config(const std::string& text, const std::string& more) const {
    return "{name: tsv_text, path: " + folder_.Write("a.tsv", text) + ", " +
           more + "}";
  }

  ScratchFolder folder_;
};

/// Spells token ids, 0 as '*'.
std::string Spell(const Dataset& set,
                  const std::vector<std::int64_t>& ids,
                  std::int64_t sample) {
  std::string text;
  for (std::int64_t i = 0; i < set.target_length; ++i) {
    const auto id = static_cast<std::size_t>(
        ids[static_cast<std::size_t>(sample * set.target_length + i)]);
    text += id == 0 ? "*" : set.class_names[id];
  }
  return text;
}

TEST_F(TsvText, PredictsTheNextCharacter) {
  const Corpus corpus = Load(Config("bob\tabcd\nann\txy\nbob\tefgh\nann\tzab\n",
                                    "sequence_length: 3, min_samples: 1, "
                                    "test_fraction: 0"));
  const Dataset& train = corpus.train;
  EXPECT_EQ(train.type, FeatureType::kInt64);
  EXPECT_THAT(train.shape, ElementsAre(3));
  EXPECT_EQ(train.target_length, 3);
  // bob: "abcd\nefgh", 9 characters, 2 sequences of 3 and a last target.
  // ann: "xy\nzab", 6 characters, 1 sequence.
  ASSERT_EQ(train.size(), 3);
  EXPECT_EQ(Spell(train, train.tokens, 0), "abc");
  EXPECT_EQ(Spell(train, train.targets, 0), "bcd");
  EXPECT_EQ(Spell(train, train.tokens, 1), "d\ne");
  EXPECT_EQ(Spell(train, train.targets, 1), "\nef");
  EXPECT_EQ(Spell(train, train.tokens, 2), "xy\n");
  EXPECT_EQ(Spell(train, train.targets, 2), "y\nz");
  EXPECT_THAT(train.owner_names, ElementsAre("ann", "bob"));
  EXPECT_THAT(train.owners, ElementsAre(1, 1, 0));
  // a b c d e f x y z newline unknown; g and h are in no sequence.
  EXPECT_EQ(train.num_classes, 11);
  EXPECT_EQ(train.class_names.at(1), "\n");
  EXPECT_FALSE(corpus.test.has_value());
  EXPECT_THAT(corpus.notes, ElementsAre(HasSubstr("4 characters at the ends")));
}

TEST_F(TsvText, TestsOnTheLastPartOfEveryOwner) {
  // 10 sequences of 2 characters and one more.
  const Corpus corpus = Load(Config("o\tabcdefghijklmnopqrstu\n",
                                    "sequence_length: 2, test_fraction: "
                                    "0.35"));
  EXPECT_EQ(corpus.train.size(), 7);
  ASSERT_EQ(corpus.test->size(), 3);
  const Dataset& test = *corpus.test;
  EXPECT_EQ(test.num_classes, corpus.train.num_classes);
  // The vocabulary is that of the training part, a to o; later letters are
  // unknown.
  EXPECT_EQ(Spell(test, test.tokens, 0), "o*");
  EXPECT_EQ(Spell(test, test.targets, 0), "**");
  EXPECT_EQ(corpus.train.num_classes, 16);
  EXPECT_THAT(corpus.notes,
              ElementsAre(HasSubstr("5 of 6 characters of the test set")));
}

TEST_F(TsvText, LeavesOutOwnersWithLittleText) {
  const Corpus corpus =
      Load(Config("a\t123\nb\t1234\nc\t12345\n",
                  "sequence_length: 2, min_samples: 2, test_fraction: 0"));
  EXPECT_THAT(corpus.train.owner_names, ElementsAre("c"));
  EXPECT_THAT(corpus.notes,
              ElementsAre(HasSubstr("2 of 3 owners have fewer than 2")));
  EXPECT_THAT(Refusal(Config("a\t123\n", "sequence_length: 2")),
              HasSubstr("expected an owner with at least 2 sequences"));
}

TEST_F(TsvText, JoinsOwnerColumnsAndKeepsTabsOfTheText) {
  const Dataset train =
      Load(Config("play\trole\tto\tbe\r\nplay\tother\tornot\r\n",
                  "owner_columns: [0, 1], text_column: 2, sequence_length: 2, "
                  "min_samples: 1, test_fraction: 0"))
          .train;
  EXPECT_THAT(train.owner_names, ElementsAre("play/other", "play/role"));
  // "to\tbe": the tab is a control character and stays unknown.
  EXPECT_EQ(Spell(train, train.tokens, 1), "*b");
  const Dataset first = Load(Config("abcde\tme\n",
                                    "owner_columns: [1], text_column: 0, "
                                    "sequence_length: 2, test_fraction: 0"))
                            .train;
  EXPECT_THAT(first.owner_names, ElementsAre("me"));
  EXPECT_EQ(Spell(first, first.tokens, 1), "cd");
}

TEST_F(TsvText, SkipsAHeaderAndBoundsTheVocabulary) {
  const Dataset train =
      Load(Config("user\ttext\nu\taaaabbbcd\n",
                  "header: true, sequence_length: 4, max_vocabulary: 3, "
                  "test_fraction: 0"))
          .train;
  EXPECT_THAT(train.class_names, ElementsAre("<unknown>", "a", "b"));
  EXPECT_EQ(Spell(train, train.tokens, 1), "bbb*");
}

TEST_F(TsvText, CountsCharactersAndNotBytes) {
  const Dataset train = Load(Config("u\tåäöåä\n",
                                    "sequence_length: 2, "
                                    "test_fraction: 0"))
                            .train;
  EXPECT_THAT(train.tokens, SizeIs(4));
  EXPECT_EQ(Spell(train, train.tokens, 0), "åä");
}

TEST_F(TsvText, SaysWhatIsWrong) {
  EXPECT_THAT(Refusal(Config("a\tb\n\nc\n", "sequence_length: 1")),
              AllOf(HasSubstr("a.tsv:3: expected at least 2 fields"),
                    HasSubstr("found 1")));
  EXPECT_THAT(ConfigRefusal("{name: tsv_text, path: a, text_column: 0}"),
              HasSubstr("other than those of owner_columns"));
  EXPECT_THAT(ConfigRefusal("{name: tsv_text, path: a, owner_columns: []}"),
              HasSubstr("at least one column"));
}

}  // namespace
}  // namespace fedtorch::data
