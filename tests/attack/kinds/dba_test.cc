#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What adversary number `rank` of a round trains with, as places in the image.
std::vector<std::size_t> StripOf(const Attack& attack,
                                 const Setting& setting,
                                 std::int64_t rank) {
  OwnedBatch batch({1},
                   static_cast<std::size_t>(
                       setting.shape[0] * setting.shape[1] * setting.shape[2]));
  attack.Tamper({.seed = 1, .rank = rank})->BeforeStep(batch.View());
  EXPECT_THAT(batch.targets, ElementsAre(2));
  return batch.Changed(0);
}

TEST(Dba, TheDefaultsAreTheStripsForMnist) {
  const Setting setting = Images(1, 28, 28);
  const auto attack = Started("{name: dba, target: 2, ratio: 1}", setting);
  // Rows 0 and 3, columns 0 to 3 and 6 to 9.
  EXPECT_THAT(StripOf(*attack, setting, 0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(StripOf(*attack, setting, 1), ElementsAre(6, 7, 8, 9));
  EXPECT_THAT(StripOf(*attack, setting, 2), ElementsAre(84, 85, 86, 87));
  EXPECT_THAT(StripOf(*attack, setting, 3), ElementsAre(90, 91, 92, 93));
  EXPECT_THAT(StripOf(*attack, setting, 4), ElementsAre(0, 1, 2, 3));
}

TEST(Dba, ShowsAllFourAtTestTime) {
  const auto attack = Started("{name: dba, target: 2}", Images(1, 28, 28));
  OwnedBatch batch({1, 2}, 28 * 28);
  attack->target()->Present(batch.View());
  for (const std::size_t sample : {0U, 1U}) {
    EXPECT_THAT(
        batch.Changed(sample),
        ElementsAre(0, 1, 2, 3, 6, 7, 8, 9, 84, 85, 86, 87, 90, 91, 92, 93));
  }
  EXPECT_EQ(batch.features[0], 2.0F);
  EXPECT_THAT(batch.targets, ElementsAre(1, 2));
  EXPECT_TRUE(attack->target()->Counts(1));
  EXPECT_FALSE(attack->target()->Counts(2));
}

TEST(Dba, LengthHeightGapAndShiftAreHonoured) {
  const Setting setting = Images(1, 10, 10);
  const auto strips = [&](const std::string& keys) {
    const auto attack =
        Started("{name: dba, target: 2, ratio: 1, " + keys + "}", setting);
    return std::vector<std::vector<std::size_t>>{StripOf(*attack, setting, 0),
                                                 StripOf(*attack, setting, 3)};
  };
  // Number 3 begins at row shift + height + gap, column shift + length + gap.
  EXPECT_THAT(strips("length: 2, gap: 1"),
              ElementsAre(ElementsAre(0, 1), ElementsAre(23, 24)));
  EXPECT_THAT(strips("length: 3, gap: 1"),
              ElementsAre(ElementsAre(0, 1, 2), ElementsAre(24, 25, 26)));
  EXPECT_THAT(strips("length: 2, gap: 3"),
              ElementsAre(ElementsAre(0, 1), ElementsAre(45, 46)));
  EXPECT_THAT(strips("length: 2, gap: 1, shift: 4"),
              ElementsAre(ElementsAre(44, 45), ElementsAre(67, 68)));
  EXPECT_THAT(strips("length: 1, gap: 0, height: 2"),
              ElementsAre(ElementsAre(0, 10), ElementsAre(21, 31)));
}

TEST(Dba, PoisonsTwentyOfABatchOfSixtyFour) {
  const auto attack = Started("{name: dba, target: 2}", Images(1, 28, 28));
  const auto tampering = attack->Tamper({.seed = 1});
  for (int step = 0; step < 5; ++step) {
    OwnedBatch batch(std::vector<std::int64_t>(64, 1), 28 * 28);
    tampering->BeforeStep(batch.View());
    EXPECT_EQ(std::count(batch.targets.begin(), batch.targets.end(), 2), 20);
  }
}

TEST(Dba, NamesWhatIsWrong) {
  EXPECT_THAT(MistakeOf("dba", Images(1, 28, 9)),
              HasSubstr("attack dba: the pattern leaves the image: 1 x 4 "
                        "pixels at row 0, column 6 of an image of 28 x 9"));
  EXPECT_EQ(MistakeOf("dba", Images(1, 4, 10)), "no error");
  EXPECT_THAT(MistakeOf("dba", Images(1, 3, 10)), HasSubstr("leaves"));
  EXPECT_THAT(MistakeOf("{name: dba, target: 11}", Images(1, 28, 28)),
              HasSubstr("expected a class below 10"));
}

}  // namespace
}  // namespace fedtorch::attack
