#include "fedtorch/data/characters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace fedtorch::data {
namespace {

using testing::ElementsAre;

TEST(Characters, DecodesUtf8) {
  EXPECT_EQ(DecodeUtf8("aé€😀"), U"aé€😀");
  EXPECT_EQ(DecodeUtf8(""), U"");
  // Unicode 15, table 3-8: each byte that begins nothing is one U+FFFD.
  EXPECT_EQ(DecodeUtf8("\xc0\xaf"), U"\ufffd\ufffd");
  EXPECT_EQ(DecodeUtf8("\xed\xa0\x80"), U"\ufffd\ufffd\ufffd");
  EXPECT_EQ(DecodeUtf8("\xf4\x91\x92\x93"
                       "A"),
            U"\ufffd\ufffd\ufffd\ufffdA");
  EXPECT_EQ(DecodeUtf8("x\xe2\x82"), U"x\ufffd\ufffd");
}

TEST(Characters, EncodesWhatItDecodes) {
  for (char32_t c = 1; c < 0x110000; c += c < 0x1000 ? 1 : 97) {
    if (c >= 0xd800 && c < 0xe000) continue;
    ASSERT_EQ(DecodeUtf8(EncodeUtf8(c)), std::u32string(1, c));
  }
}

TEST(Characters, NumbersKnownCharactersInOrder) {
  const Characters characters = Characters::Of(U"cabac");
  EXPECT_EQ(characters.size(), 4);
  EXPECT_EQ(characters.IdOf(U'a'), 1);
  EXPECT_EQ(characters.IdOf(U'c'), 3);
  EXPECT_EQ(characters.IdOf(U'z'), Characters::kUnknown);
  EXPECT_THAT(characters.Names(), ElementsAre("<unknown>", "a", "b", "c"));
}

TEST(Characters, KeepsTheMostFrequent) {
  const std::map<char32_t, std::int64_t> counts{{U'\t', 100},
                                                {U'\n', 5},
                                                {U'a', 1},
                                                {U'b', 3},
                                                {U'c', 3},
                                                {U'd', 2},
                                                {0xfffd, 50}};
  EXPECT_THAT(Characters::MostFrequent(counts, 100).Names(),
              ElementsAre("<unknown>", "\n", "a", "b", "c", "d"));
  EXPECT_THAT(Characters::MostFrequent(counts, 4).Names(),
              ElementsAre("<unknown>", "\n", "b", "c"));
  EXPECT_THAT(Characters::MostFrequent(counts, 3).Names(),
              ElementsAre("<unknown>", "\n", "b"));
}

}  // namespace
}  // namespace fedtorch::data
