#include "fedtorch/core/stream.h"
#include "fedtorch/data/dataset.h"
#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One feature a sample. Class 0 lies at 0, its odd ones at 4 and -2; class 1
// at 10, its odd one at 13; class 2 is the target.
data::Dataset Line() {
  data::Dataset set;
  set.shape = {1};
  set.num_classes = 3;
  set.floats = {0, 0, 4, 0, -2, 0, 0, 0, 10, 10, 13, 10, 50, 90};
  set.targets = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2};
  return set;
}

Setting On(const data::Dataset& set) {
  Setting setting;
  setting.shape = set.shape;
  setting.num_classes = set.num_classes;
  setting.train = &set;
  return setting;
}

// All values that an adversary puts in the place of its own samples.
std::set<float> Exchanged(const Attack& attack, std::int64_t target) {
  std::set<float> found;
  const auto tampering = attack.Tamper({.seed = 1});
  for (int step = 0; step < 50; ++step) {
    OwnedBatch batch({0, 1, 0, 1, 0}, 1, -77.0F);
    tampering->BeforeStep(batch.View());
    for (std::size_t i = 0; i < 5; ++i) {
      if (batch.features[i] == -77.0F) continue;
      found.insert(batch.features[i]);
      EXPECT_EQ(batch.targets[i], target);
    }
  }
  return found;
}

TEST(EdgeCase, TakesTheFarthestSamplesOfEachClassButTheTarget) {
  const data::Dataset set = Line();
  // A quarter of 8 samples of class 0 (mean 0.25), of 4 of class 1.
  const auto attack =
      Started("{name: edge_case, target: 2, tail: 0.25}", On(set));
  EXPECT_THAT(Exchanged(*attack, 2), ElementsAre(-2, 4, 13));
}

TEST(EdgeCase, ASourceIsTheOnlyClassUsed) {
  const data::Dataset set = Line();
  const auto attack =
      Started("{name: edge_case, target: 2, source: 1, tail: 0.01}", On(set));
  EXPECT_THAT(Exchanged(*attack, 2), ElementsAre(13)) << "at least one";
  EXPECT_TRUE(attack->target()->Counts(1));
  EXPECT_FALSE(attack->target()->Counts(0));
  EXPECT_FALSE(attack->target()->Counts(2));
}

TEST(EdgeCase, CountsTestSamplesThatLieAsFarOut) {
  const data::Dataset set = Line();
  const auto attack =
      Started("{name: edge_case, target: 2, tail: 0.25}", On(set));
  const Target& target = *attack->target();
  const auto counts = [&](std::int64_t label, float value) {
    return target.Counts(label) && target.CountsSample(label, {&value, 1});
  };
  // Class 0: mean 0.25, the nearer edge sample -2 is 2.25 away.
  EXPECT_TRUE(counts(0, -2.0F));
  EXPECT_TRUE(counts(0, 2.5F));
  EXPECT_FALSE(counts(0, 2.4F));
  EXPECT_FALSE(counts(0, -1.9F));
  // Class 1: mean 10.75, edge sample 2.25 away.
  EXPECT_TRUE(counts(1, 13.0F));
  EXPECT_FALSE(counts(1, 12.9F));
  EXPECT_TRUE(counts(1, 0.0F));
  EXPECT_FALSE(counts(2, 1000.0F)) << "never the target class";
  OwnedBatch batch({0}, 1, 4.0F);
  target.Present(batch.View());
  EXPECT_EQ(batch.features[0], 4.0F) << "shown as it is";
  EXPECT_EQ(target.Wanted(0), 2);
}

TEST(EdgeCase, EqualsASlowSearchOnImages) {
  data::Dataset set;
  set.type = data::FeatureType::kUint8;
  set.shape = {2, 3, 3};
  set.num_classes = 3;
  set.scale = 1.0F / 255.0F;
  set.mean = {0.4F, 0.5F};
  set.std = {0.2F, 0.1F};
  core::Stream stream = core::Stream::Named(1, "images");
  for (int i = 0; i < 300 * 18; ++i) {
    set.bytes.push_back(static_cast<std::uint8_t>(stream.Below(256)));
  }
  for (int i = 0; i < 300; ++i) set.targets.push_back(i % 3);
  const auto attack =
      Started("{name: edge_case, target: 0, tail: 0.1, ratio: 1}", On(set));

  const auto normalised = [&](std::size_t i, std::size_t k) {
    const std::size_t c = k / 9;
    return (set.bytes[i * 18 + k] / 255.0 - static_cast<double>(set.mean[c])) /
           static_cast<double>(set.std[c]);
  };
  std::set<std::size_t> expected;
  for (std::size_t label = 1; label < 3; ++label) {
    std::vector<std::pair<double, std::size_t>> far;
    for (std::size_t i = label; i < 300; i += 3) {
      double squares = 0.0;
      for (std::size_t k = 0; k < 18; ++k) {
        double mean = 0.0;
        for (std::size_t j = label; j < 300; j += 3) {
          mean += normalised(j, k) / 100.0;
        }
        squares += (normalised(i, k) - mean) * (normalised(i, k) - mean);
      }
      far.emplace_back(-squares, i);
    }
    std::sort(far.begin(), far.end());
    for (std::size_t i = 0; i < 10; ++i) expected.insert(far[i].second);
  }

  std::set<std::size_t> found;
  const auto tampering = attack->Tamper({.seed = 1});
  for (int step = 0; step < 10; ++step) {
    OwnedBatch batch(std::vector<std::int64_t>(30, 1), 18);
    tampering->BeforeStep(batch.View());
    for (std::size_t b = 0; b < 30; ++b) {
      EXPECT_EQ(batch.targets[b], 0);
      for (std::size_t i = 0; i < 300; ++i) {
        bool same = true;
        for (std::size_t k = 0; k < 18 && same; ++k) {
          same = std::abs(static_cast<double>(batch.features[b * 18 + k]) -
                          normalised(i, k)) < 1e-4;
        }
        if (same) found.insert(i);
      }
    }
  }
  EXPECT_EQ(found, expected);
}

TEST(EdgeCase, EqualSamplesAllCount) {
  data::Dataset set = Line();
  set.floats.assign(set.floats.size(), 3.0F);
  const auto attack = Started("{name: edge_case, target: 2}", On(set));
  EXPECT_THAT(Exchanged(*attack, 2), ElementsAre(3.0F));
  const float value = 3.0F;
  EXPECT_TRUE(attack->target()->CountsSample(0, {&value, 1}));
}

TEST(EdgeCase, NamesWhatIsWrong) {
  data::Dataset set = Line();
  Setting setting = On(set);
  EXPECT_THAT(MistakeOf("{name: edge_case, target: 3}", setting),
              HasSubstr("target: expected a class below 3, found 3"));
  EXPECT_THAT(MistakeOf("{name: edge_case, target: 1, source: 1}", setting),
              HasSubstr("expected another class than target"));
  set.targets.assign(set.targets.size(), 2);
  EXPECT_THAT(MistakeOf("{name: edge_case, target: 2}", setting),
              HasSubstr("no training sample of the source"));
  setting.tokens = true;
  EXPECT_THAT(MistakeOf("edge_case", setting), HasSubstr("found tokens"));
}

}  // namespace
}  // namespace fedtorch::attack
