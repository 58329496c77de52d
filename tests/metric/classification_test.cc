#include "fedtorch/metric/classification.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace fedtorch::metric {
namespace {

using testing::DoubleEq;
using testing::Optional;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tally OfLabels(std::int64_t num_classes,
               const std::vector<std::int64_t>& targets,
               const std::vector<std::int64_t>& predicted) {
  Tally tally(num_classes);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    tally.Add(0.0, predicted[i], targets[i]);
  }
  return tally;
}

Tally OfScores(const std::vector<double>& scores,
               const std::vector<std::int64_t>& targets) {
  Tally tally(2);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    tally.AddScore(scores[i], targets[i]);
  }
  return tally;
}

TEST(Tally, CountsHitsAndAveragesLosses) {
  Tally tally(3);
  tally.Add(0.5, 2, 2);
  tally.Add(1.5, 0, 1);
  tally.Add(0.25, 1, 1);
  tally.Add(0.75, 2, 0);
  EXPECT_EQ(tally.count(), 4);
  EXPECT_EQ(tally.correct(), 2);
  EXPECT_EQ(tally.Accuracy(), 0.5);
  EXPECT_EQ(tally.Loss(), 0.75);
  EXPECT_DOUBLE_EQ(tally.Perplexity(), std::exp(0.75));
}

TEST(Tally, HasThePerplexityOfAGuessAmongAllClasses) {
  Tally tally(80);
  for (int i = 0; i < 10; ++i) tally.Add(std::log(80.0), 0, 1);
  EXPECT_NEAR(tally.Perplexity(), 80.0, 1e-12);
}

TEST(Tally, IsNotANumberWhereEmpty) {
  const Tally tally(3);
  EXPECT_TRUE(std::isnan(tally.Loss()));
  EXPECT_TRUE(std::isnan(tally.Accuracy()));
  EXPECT_TRUE(std::isnan(tally.MacroF1()));
  EXPECT_TRUE(std::isnan(tally.Perplexity()));
  EXPECT_EQ(tally.Auc(), std::nullopt);
  EXPECT_EQ(tally.count(), 0);
}

TEST(Tally, PassesOnALossThatIsNotFinite) {
  Tally tally(2);
  tally.Add(1.0, 0, 0);
  tally.Add(kInfinity, 0, 1);
  EXPECT_EQ(tally.Loss(), kInfinity);
  tally.Add(std::nan(""), 0, 1);
  EXPECT_TRUE(std::isnan(tally.Loss()));
  EXPECT_DOUBLE_EQ(tally.Accuracy(), 1.0 / 3.0);
}

TEST(MacroF1, IsTheFigureInTheManualOfScikitLearn) {
  // f1_score(average="macro") there: 0.26... Class 0 has 2 hits and 1 false
  // alarm, so 4 / 5; classes 1 and 2 have no hit: (0.8 + 0 + 0) / 3.
  EXPECT_DOUBLE_EQ(
      OfLabels(3, {0, 1, 2, 0, 1, 2}, {0, 2, 1, 0, 0, 1}).MacroF1(), 0.8 / 3.0);
}

TEST(MacroF1, AveragesOverClassesThatOccur) {
  // Of ten classes: 3 is hit once of twice (2 / 3: no false alarm), 5 is
  // never a target but predicted once (0), 7 is hit (1). The other seven have
  // neither and are left out.
  EXPECT_DOUBLE_EQ(OfLabels(10, {3, 3, 7}, {3, 5, 7}).MacroF1(),
                   (2.0 / 3.0 + 0.0 + 1.0) / 3.0);
}

TEST(MacroF1, IsOneWhereAllIsRight) {
  EXPECT_EQ(OfLabels(4, {0, 1, 1, 3}, {0, 1, 1, 3}).MacroF1(), 1.0);
}

TEST(MacroF1, EqualsPrecisionAndRecallWrittenOut) {
  core::Stream stream = core::Stream::Named(1, "labels");
  for (int repetition = 0; repetition < 50; ++repetition) {
    std::vector<std::int64_t> targets;
    std::vector<std::int64_t> predicted;
    for (int i = 0; i < 30; ++i) {
      targets.push_back(static_cast<std::int64_t>(stream.Below(6)));
      predicted.push_back(static_cast<std::int64_t>(stream.Below(5)));
    }
    double sum = 0.0;
    int classes = 0;
    for (std::int64_t label = 0; label < 6; ++label) {
      double hits = 0.0;
      double of_target = 0.0;
      double of_predicted = 0.0;
      for (std::size_t i = 0; i < targets.size(); ++i) {
        of_target += targets[i] == label;
        of_predicted += predicted[i] == label;
        hits += targets[i] == label && predicted[i] == label;
      }
      if (of_target + of_predicted == 0.0) continue;
      ++classes;
      if (hits == 0.0) continue;
      const double precision = hits / of_predicted;
      const double recall = hits / of_target;
      sum += 2.0 * precision * recall / (precision + recall);
    }
    EXPECT_NEAR(
        OfLabels(6, targets, predicted).MacroF1(), sum / classes, 1e-14);
  }
}

TEST(Auc, IsTheFigureInTheManualOfScikitLearn) {
  // roc_auc_score there: 0.75. Of the four pairs only 0.35 against 0.4 is in
  // the wrong order.
  EXPECT_THAT(OfScores({0.1, 0.4, 0.35, 0.8}, {0, 0, 1, 1}).Auc(),
              Optional(0.75));
}

TEST(Auc, CountsTiesByHalf) {
  EXPECT_THAT(OfScores({0.5, 0.5, 0.5}, {0, 1, 1}).Auc(), Optional(0.5));
  // Pairs: 0.2 < 0.6 and 0.6 = 0.6: (1 + 0.5) / 2.
  EXPECT_THAT(OfScores({0.6, 0.2, 0.6}, {1, 0, 0}).Auc(), Optional(0.75));
}

TEST(Auc, IsOneOrZeroWhereTheScoresSeparate) {
  EXPECT_THAT(OfScores({-3.0, 1e9, -2.0, 7.0}, {0, 1, 0, 1}).Auc(),
              Optional(1.0));
  EXPECT_THAT(OfScores({-3.0, 1e9, -2.0, 7.0}, {1, 0, 1, 0}).Auc(),
              Optional(0.0));
  EXPECT_THAT(OfScores({-kInfinity, kInfinity}, {0, 1}).Auc(), Optional(1.0));
}

TEST(Auc, NeedsBothClasses) {
  EXPECT_EQ(OfScores({0.1, 0.2}, {1, 1}).Auc(), std::nullopt);
  EXPECT_EQ(OfScores({0.1, 0.2}, {0, 0}).Auc(), std::nullopt);
}

TEST(Auc, IsNotANumberWhereAScoreIsNot) {
  const auto auc = OfScores({0.1, std::nan(""), 0.3}, {0, 1, 1}).Auc();
  ASSERT_TRUE(auc.has_value());
  EXPECT_TRUE(std::isnan(*auc));
}

TEST(Auc, EqualsTheCountOverAllPairs) {
  core::Stream stream = core::Stream::Named(2, "scores");
  for (int repetition = 0; repetition < 40; ++repetition) {
    std::vector<double> scores;
    std::vector<std::int64_t> targets;
    for (int i = 0; i < 60; ++i) {
      // Few different values, so that there are many ties.
      scores.push_back(static_cast<double>(stream.Below(12)) / 12.0);
      targets.push_back(static_cast<std::int64_t>(stream.Below(2)));
    }
    double wins = 0.0;
    double pairs = 0.0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      for (std::size_t j = 0; j < scores.size(); ++j) {
        if (targets[i] != 1 || targets[j] != 0) continue;
        pairs += 1.0;
        wins += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0;
      }
    }
    EXPECT_THAT(OfScores(scores, targets).Auc(), Optional(wins / pairs));
  }
}

// Draws a chunk of predictions and scores.
Tally DrawChunk(std::uint64_t index) {
  core::Stream stream = core::Stream::Named(3, "chunk", {index});
  Tally tally(2);
  const auto size = static_cast<int>(stream.Below(20));
  for (int i = 0; i < size; ++i) {
    const auto target = static_cast<std::int64_t>(stream.Below(2));
    tally.Add(
        stream.Uniform(), static_cast<std::int64_t>(stream.Below(2)), target);
    tally.AddScore(static_cast<double>(stream.Below(30)), target);
  }
  return tally;
}

TEST(TallyMerge, CountsAlikeInAnyOrder) {
  std::vector<std::uint64_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
  Tally expected(2);
  for (const std::uint64_t index : order) expected.Merge(DrawChunk(index));
  core::Stream stream = core::Stream::Named(4, "order");
  for (int repetition = 0; repetition < 10; ++repetition) {
    stream.Shuffle(std::span(order));
    Tally merged(2);
    for (const std::uint64_t index : order) merged.Merge(DrawChunk(index));
    EXPECT_EQ(merged.count(), expected.count());
    EXPECT_EQ(merged.correct(), expected.correct());
    EXPECT_EQ(merged.Accuracy(), expected.Accuracy());
    EXPECT_EQ(merged.MacroF1(), expected.MacroF1());
    EXPECT_EQ(merged.Auc(), expected.Auc());
    // The loss is a sum of doubles: equal bits need the order of the chunks.
    EXPECT_NEAR(merged.Loss(), expected.Loss(), 1e-13);
  }
}

TEST(TallyMerge, EqualsOneTallyOfAll) {
  Tally first(3);
  first.Add(0.5, 1, 1);
  Tally second(3);
  second.Add(0.25, 0, 2);
  second.Add(0.125, 2, 2);
  first.Merge(second);
  EXPECT_EQ(first.count(), 3);
  EXPECT_EQ(first.correct(), 2);
  EXPECT_EQ(first.Loss(), 0.875 / 3.0);
  EXPECT_DOUBLE_EQ(first.MacroF1(), (0.0 + 1.0 + 2.0 / 3.0) / 3.0);
}

TEST(Tally, RefusesClassesThatDoNotExist) {
  Tally tally(3);
  EXPECT_THROW(tally.Add(0.0, 3, 0), core::Bug);
  EXPECT_THROW(tally.Add(0.0, 0, -1), core::Bug);
  EXPECT_THROW(tally.AddScore(0.5, 2), core::Bug);
  EXPECT_THROW(tally.Merge(Tally(2)), core::Bug);
  EXPECT_EQ(tally.count(), 0);
}

}  // namespace
}  // namespace fedtorch::metric
