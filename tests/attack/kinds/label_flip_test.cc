#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace fedtorch::attack {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

Setting Classes(std::int64_t count, std::uint64_t seed = 1) {
  Setting setting;
  setting.shape = {2};
  setting.num_classes = count;
  setting.seed = seed;
  return setting;
}

// What becomes of each class in one batch.
std::vector<std::int64_t> Flipped(const Attack& attack,
                                  std::int64_t classes,
                                  const Turn& turn = {.seed = 1}) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(classes));
  std::iota(labels.begin(), labels.end(), 0);
  OwnedBatch batch(labels, 2, 0.5F);
  attack.Tamper(turn)->BeforeStep(batch.View());
  EXPECT_THAT(batch.features, Each(0.5F)) << "only targets change";
  return batch.targets;
}

TEST(LabelFlip, MirrorsClasses) {
  const auto attack = Started("label_flip", Classes(5));
  EXPECT_THAT(Flipped(*attack, 5), ElementsAre(4, 3, 2, 1, 0));
  const Target& target = *attack->target();
  EXPECT_TRUE(target.Counts(0));
  EXPECT_FALSE(target.Counts(2)) << "the middle one stays what it is";
  EXPECT_EQ(target.Wanted(0), 4);
}

TEST(LabelFlip, APairFlipsOneClassOnly) {
  const auto attack = Started(
      "{name: label_flip, map: pair, source: 1, target: 3}", Classes(5));
  EXPECT_THAT(Flipped(*attack, 5), ElementsAre(0, 3, 2, 3, 4));
  const Target& target = *attack->target();
  for (std::int64_t label = 0; label < 5; ++label) {
    EXPECT_EQ(target.Counts(label), label == 1);
  }
  EXPECT_EQ(target.Wanted(1), 3);
}

TEST(LabelFlip, TestSamplesAreNotTouched) {
  const auto attack = Started("label_flip", Classes(5));
  OwnedBatch batch({0, 1}, 2, 0.5F);
  attack->target()->Present(batch.View());
  EXPECT_THAT(batch.features, Each(0.5F));
  EXPECT_THAT(batch.targets, ElementsAre(0, 1));
}

TEST(LabelFlip, ADerangementIsOneToOneWithoutFixedPoints) {
  std::map<std::vector<std::int64_t>, int> seen;
  constexpr int kSeeds = 9000;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto attack =
        Started("{name: label_flip, map: derangement}", Classes(4, seed));
    const std::vector<std::int64_t> map = Flipped(*attack, 4);
    EXPECT_EQ(std::set<std::int64_t>(map.begin(), map.end()).size(), 4U);
    for (std::int64_t label = 0; label < 4; ++label) {
      EXPECT_NE(map[static_cast<std::size_t>(label)], label);
      EXPECT_TRUE(attack->target()->Counts(label));
    }
    ++seen[map];
  }
  // The nine derangements of four, each about 1000 times (deviation 30); the
  // cycles alone would be six.
  EXPECT_EQ(seen.size(), 9U);
  for (const auto& [map, count] : seen) EXPECT_NEAR(count, 1000, 130);
}

TEST(LabelFlip, ADerangementIsTheSameForAllAdversariesAndRounds) {
  const auto attack =
      Started("{name: label_flip, map: derangement}", Classes(10));
  EXPECT_EQ(Flipped(*attack, 10, {.seed = 1, .round = 1, .client = 1}),
            Flipped(*attack, 10, {.seed = 1, .round = 5, .client = 8}));
}

TEST(LabelFlip, RandomDrawsEveryOtherClassAlike) {
  const auto attack = Started("{name: label_flip, map: random}", Classes(4));
  EXPECT_EQ(attack->target(), nullptr);
  OwnedBatch batch(std::vector<std::int64_t>(3000, 2), 1);
  attack->Tamper({.seed = 1})->BeforeStep(batch.View());
  EXPECT_EQ(std::count(batch.targets.begin(), batch.targets.end(), 2), 0);
  for (const std::int64_t label : {0, 1, 3}) {
    const auto count =
        std::count(batch.targets.begin(), batch.targets.end(), label);
    EXPECT_GT(count, 890) << "the deviation is 26";
    EXPECT_LT(count, 1110);
  }
  EXPECT_NE(Flipped(*attack, 4, {.seed = 1, .round = 1}),
            Flipped(*attack, 4, {.seed = 1, .round = 2}));
}

TEST(LabelFlip, FlipsEveryTargetOfATokenSample) {
  Setting setting = Classes(5);
  setting.tokens = true;
  const auto attack = Started("label_flip", setting);
  std::vector<std::int64_t> tokens{0, 1, 2, 3};
  std::vector<std::int64_t> targets{1, 2, 3, 4};
  attack->Tamper({.seed = 1})
      ->BeforeStep({.size = 2, .tokens = tokens, .targets = targets});
  EXPECT_THAT(tokens, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(targets, ElementsAre(3, 2, 1, 0));
}

TEST(LabelFlip, NamesWhatIsWrong) {
  EXPECT_THAT(MistakeOf("{name: label_flip, map: pair, source: 1}", Classes(5)),
              HasSubstr("map pair needs a class"));
  EXPECT_THAT(MistakeOf("{name: label_flip, source: 1}", Classes(5)),
              HasSubstr("write map: pair"));
  EXPECT_THAT(MistakeOf("{name: label_flip, map: pair, source: 1, target: 1}",
                        Classes(5)),
              HasSubstr("expected another class than source"));
  EXPECT_THAT(MistakeOf("{name: label_flip, map: pair, source: 1, target: 5}",
                        Classes(5)),
              HasSubstr("target: expected a class below 5, found 5"));
  EXPECT_THAT(MistakeOf("label_flip", Classes(1)),
              HasSubstr("at least 2 classes"));
}

}  // namespace
}  // namespace fedtorch::attack
