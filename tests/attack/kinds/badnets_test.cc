#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace fedtorch::attack {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Shows one image to the attacker and returns it.
OwnedBatch Presented(const std::string& text, const Setting& setting) {
  const auto attack = Started(text, setting);
  OwnedBatch batch({1},
                   static_cast<std::size_t>(
                       setting.shape[0] * setting.shape[1] * setting.shape[2]));
  attack->target()->Present(batch.View());
  EXPECT_THAT(batch.targets, ElementsAre(1)) << "targets are left alone";
  return batch;
}

TEST(BadNets, ThePatchIsInTheLastRowsAndColumns) {
  OwnedBatch batch = Presented("{name: badnets, size: 2}", Images(1, 4, 5));
  // Rows 2 and 3, columns 3 and 4 of 5.
  EXPECT_THAT(batch.Changed(0), ElementsAre(13, 14, 18, 19));
  EXPECT_EQ(batch.features[13], 2.0F) << "full brightness after normalisation";
}

TEST(BadNets, TheDefaultIsAPatchOfFiveByFive) {
  OwnedBatch batch = Presented("badnets", Images(1, 28, 28));
  EXPECT_EQ(batch.Changed(0).size(), 25U);
  EXPECT_EQ(batch.Changed(0).front(), 23U * 28 + 23);
}

TEST(BadNets, APatchCanBePlaced) {
  OwnedBatch batch =
      Presented("{name: badnets, size: 2, row: 1, column: 0}", Images(1, 4, 5));
  EXPECT_THAT(batch.Changed(0), ElementsAre(5, 6, 10, 11));
}

TEST(BadNets, APlusIsTheMiddleRowAndColumn) {
  OwnedBatch batch =
      Presented("{name: badnets, pattern: plus, size: 3, row: 0, column: 1}",
                Images(1, 4, 5));
  EXPECT_THAT(batch.Changed(0), ElementsAre(2, 6, 7, 8, 12));
}

TEST(BadNets, EveryChannelHasABrightnessOfItsOwn) {
  OwnedBatch batch = Presented("{name: badnets, size: 1}", Images(3, 2, 2));
  EXPECT_THAT(batch.Changed(0), ElementsAre(3, 7, 11));
  EXPECT_EQ(batch.features[3], 2.0F);
  EXPECT_EQ(batch.features[7], 3.0F);
  EXPECT_EQ(batch.features[11], 4.0F);
}

TEST(BadNets, BrightnessIsMeasuredBeforeNormalisation) {
  // Of dark = -1 and bright = 2: -1 + 0.25 * 3.
  OwnedBatch batch =
      Presented("{name: badnets, size: 1, brightness: 0.25}", Images(1, 2, 2));
  EXPECT_FLOAT_EQ(batch.features[3], -0.25F);
}

TEST(BadNets, PoisonsItsShareOfABatch) {
  const auto attack = Started(
      "{name: badnets, size: 1, ratio: 0.25, target: 7}", Images(1, 2, 2));
  const auto tampering = attack->Tamper({.seed = 1});
  std::set<std::size_t> places;
  for (int step = 0; step < 20; ++step) {
    OwnedBatch batch(std::vector<std::int64_t>(16, 3), 4);
    tampering->BeforeStep(batch.View());
    std::size_t stamped = 0;
    for (std::size_t i = 0; i < 16; ++i) {
      const bool changed = !batch.Changed(i).empty();
      EXPECT_EQ(batch.targets[i], changed ? 7 : 3);
      if (changed) places.insert(i);
      stamped += changed ? 1 : 0;
    }
    EXPECT_EQ(stamped, 4U);
  }
  EXPECT_GT(places.size(), 10U) << "not always the first ones";
}

TEST(BadNets, MeetsAShareThatIsNoWholeNumberInTheMean) {
  const auto attack = Started(
      "{name: badnets, size: 1, ratio: 0.32, target: 7}", Images(1, 1, 1));
  const auto tampering = attack->Tamper({.seed = 1});
  std::int64_t poisoned = 0;
  for (int step = 0; step < 2000; ++step) {
    OwnedBatch batch(std::vector<std::int64_t>(5, 3), 1);
    tampering->BeforeStep(batch.View());
    const auto count =
        std::count(batch.targets.begin(), batch.targets.end(), 7);
    EXPECT_TRUE(count == 1 || count == 2) << count;
    poisoned += count;
  }
  // 1.6 of 5; the deviation of a sum of 2000 is 0.49 * sqrt(2000) = 22.
  EXPECT_NEAR(static_cast<double>(poisoned), 3200.0, 110.0);
}

TEST(BadNets, ASourceIsTheOnlyClassThatIsPoisonedAndCounted) {
  const auto attack =
      Started("{name: badnets, size: 1, ratio: 1, source: 5, target: 7}",
              Images(1, 2, 2));
  OwnedBatch batch({5, 1, 7, 5}, 4);
  attack->Tamper({.seed = 1})->BeforeStep(batch.View());
  EXPECT_THAT(batch.targets, ElementsAre(7, 1, 7, 7));
  EXPECT_THAT(batch.Changed(1), IsEmpty());
  EXPECT_THAT(batch.Changed(2), IsEmpty());
  const Target& target = *attack->target();
  EXPECT_TRUE(target.Counts(5));
  EXPECT_FALSE(target.Counts(1));
  EXPECT_FALSE(target.Counts(7));
  EXPECT_EQ(target.Wanted(5), 7);
}

TEST(BadNets, TheTargetClassNeverCounts) {
  const auto attack = Started("{name: badnets, target: 6}", Images(1, 28, 28));
  for (std::int64_t label = 0; label < 10; ++label) {
    EXPECT_EQ(attack->target()->Counts(label), label != 6);
    EXPECT_EQ(attack->target()->Wanted(label), 6);
  }
}

TEST(BadNets, DrawsByRoundAndClient) {
  const auto attack = Started("{name: badnets, size: 1}", Images(1, 2, 2));
  const auto poisoned = [&](const Turn& turn) {
    OwnedBatch batch(std::vector<std::int64_t>(40, 3), 4);
    attack->Tamper(turn)->BeforeStep(batch.View());
    return batch.features;
  };
  const Turn turn{.seed = 1, .round = 2, .client = 3};
  EXPECT_EQ(poisoned(turn), poisoned(turn));
  EXPECT_NE(poisoned(turn), poisoned({.seed = 2, .round = 2, .client = 3}));
  EXPECT_NE(poisoned(turn), poisoned({.seed = 1, .round = 3, .client = 3}));
  EXPECT_NE(poisoned(turn), poisoned({.seed = 1, .round = 2, .client = 4}));
}

TEST(BadNets, NamesWhatIsWrong) {
  EXPECT_THAT(MistakeOf("{name: badnets, size: 5}", Images(1, 4, 9)),
              HasSubstr("5 x 5 pixels at row -1, column 4 of an image of 4 x "
                        "9"));
  EXPECT_THAT(MistakeOf("{name: badnets, size: 3, row: 2}", Images(1, 4, 9)),
              HasSubstr("the pattern leaves the image"));
  EXPECT_THAT(MistakeOf("{name: badnets, target: 10}", Images(1, 9, 9)),
              HasSubstr("target: expected a class below 10, found 10"));
  EXPECT_THAT(MistakeOf("{name: badnets, source: 12}", Images(1, 9, 9)),
              HasSubstr("source: expected a class below 10, found 12"));
  EXPECT_THAT(
      MistakeOf("{name: badnets, source: 2, target: 2}", Images(1, 9, 9)),
      HasSubstr("expected another class than target"));
  Setting columns;
  columns.shape = {14};
  columns.num_classes = 10;
  EXPECT_THAT(MistakeOf("badnets", columns),
              HasSubstr("found samples of shape [14]"));
  columns.tokens = true;
  EXPECT_THAT(MistakeOf("badnets", columns), HasSubstr("found tokens"));
}

}  // namespace
}  // namespace fedtorch::attack
