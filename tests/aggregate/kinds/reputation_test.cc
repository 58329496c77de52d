#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

// Two agree, one points back; the mean is (1/3, 0).
const Round kThree{{{1, 0}, {1, 0}, {-1, 0}}, {4, 5, 9}};

TEST(Reputation, IsItsRuleInTheFirstRound) {
  for (const std::string rule : {"mean", "median", "{name: krum, f: 1}"}) {
    EXPECT_EQ(
        ResultOf("{name: reputation, rule: " + rule + "}", InputC()).vector,
        ResultOf(rule, InputC()).vector);
  }
}

TEST(Reputation, MovesAndWeighsByAngle) {
  Player player("{name: reputation, decay: 0.5, ban_below: -1}", 0, 2);
  EXPECT_THAT(player.Play(kThree).scores, ElementsAre(1.0, 1.0, 1.0));
  // r: 1, 1 and (1 - 1) / 2 = 0, so the mean is that of the first two.
  const Result second = player.Play(kThree);
  EXPECT_THAT(second.scores, ElementsAre(1.0, 1.0, 0.0));
  EXPECT_THAT(second.vector, ElementsAre(1.0, 0.0));
  // A newcomer counts 1, client 9 has -1/2 by now, which counts 0.
  const Result third = player.Play({{{0, 6}, {3, 0}, {8, 8}}, {4, 77, 9}});
  EXPECT_THAT(third.scores, ElementsAre(1.0, 1.0, -0.5));
  EXPECT_THAT(third.vector, ElementsAre(1.5, 3.0));
}

TEST(Reputation, RaisesToAPower) {
  const std::string rule =
      "{name: reputation, decay: 0.5, initial: 0.5, ban_below: -1, power: ";
  for (const std::string power : {"1", "2"}) {
    Player player(rule + power + "}", 0, 2);
    // Cosines to the mean (2, 1.5) / 2 = (1, 0.75): 0.8 and 0.6.
    player.Play({{{2, 0}, {0, 1.5}}, {0, 1}});
    const Result result = player.Play({{{1, 0}, {0, 1}}, {0, 1}});
    const double first = std::pow(0.65, std::stod(power));
    const double second = std::pow(0.55, std::stod(power));
    EXPECT_NEAR(result.vector[0], first / (first + second), 1e-12);
    EXPECT_NEAR(result.scores[0], 0.65, 1e-12);
  }
}

TEST(Reputation, BansForAWhile) {
  Player player(
      "{name: reputation, decay: 0.5, ban_below: 0.1, ban_rounds: 2}", 0, 2);
  EXPECT_THAT(player.Play(kThree).kept, ElementsAre(0, 1, 2));
  // Banned in rounds 2 and 3, whoever else takes part.
  EXPECT_THAT(player.Play(kThree).kept, ElementsAre(0, 1));
  EXPECT_EQ(player.Play(kThree).diagnostics.at("aggregate/num_banned"), 1.0);
  // Back in round 4 with the reputation 0 it had, so without weight.
  const Result fourth = player.Play(kThree);
  EXPECT_EQ(fourth.diagnostics.at("aggregate/num_banned"), 0.0);
  EXPECT_THAT(fourth.vector, ElementsAre(1.0, 0.0));
  EXPECT_EQ(player.Play(kThree).diagnostics.at("aggregate/num_banned"), 1.0);
}

TEST(Reputation, BansAroundRulesThatAreNoSums) {
  Player player(
      "{name: reputation, decay: 0.5, ban_below: 0.1, rule: median}", 0, 1);
  const Round round{{{1}, {2}, {3}, {-5}}, {0, 1, 2, 3}};
  EXPECT_THAT(player.Play(round).vector, ElementsAre(1.5));
  EXPECT_THAT(player.Play(round).vector, ElementsAre(2.0));
}

TEST(Reputation, LetsBannedClientsInWhereItsRuleNeedsThem) {
  Player player(
      "{name: reputation, decay: 0.5, ban_below: 0.1, score: kept, "
      "rule: {name: krum, f: 1}}",
      1,
      1);
  const Round round{{{1}, {1.1}, {1.2}, {4}, {9}, {20}}, {0, 1, 2, 3, 4, 5}};
  // Krum keeps one row; the others fall to 1/2 in the first round, 1/4, 1/8,
  // and below 0.1 in the fourth. Krum needs five.
  for (int t = 1; t <= 4; ++t) player.Play(round);
  const Result result = player.Play(round);
  EXPECT_EQ(result.diagnostics.at("aggregate/num_banned"), 1.0);
  EXPECT_THAT(result.kept, ElementsAre(testing::Le(2)));
  EXPECT_THAT(
      FromText("{name: reputation, rule: {name: krum, f: 1}}")->Obstacle(4, 0),
      HasSubstr("found n = 4 with f = 1"));
}

TEST(Reputation, KeepsACohortOfBannedClientsGoing) {
  Player player("{name: reputation, decay: 0, ban_below: 0.5}", 0, 2);
  player.Play(kThree);
  // Only client 9 comes, and it is banned.
  EXPECT_THAT(player.Play({{{2, 2}}, {9}}).vector, ElementsAre(2.0, 2.0));
}

TEST(Reputation, ScoresByDistance) {
  Player player(
      "{name: reputation, decay: 0, ban_below: -1, score: distance, "
      "rule: median}",
      0,
      1);
  // Distances to the median 2: 1, 0, 2; their median is 1.
  player.Play({{{1}, {2}, {4}}, {0, 1, 2}});
  EXPECT_THAT(player.Play({{{1}, {2}, {4}}, {0, 1, 2}}).scores,
              ElementsAre(0.5, 1.0, DoubleNear(1.0 / 3, 1e-15)));
}

TEST(Reputation, CountsGoodAndBad) {
  Player player(
      "{name: reputation, variant: beta, decay: 1, ban_below: -1}", 0, 2);
  EXPECT_THAT(player.Play(kThree).scores, ElementsAre(0.5, 0.5, 0.5));
  EXPECT_THAT(player.Play(kThree).scores,
              Pointwise(DoubleNear(1e-12),
                        std::vector<double>{2.0 / 3, 2.0 / 3, 1.0 / 3}));
  EXPECT_THAT(player.Play(kThree).scores,
              Pointwise(DoubleNear(1e-12),
                        std::vector<double>{3.0 / 4, 3.0 / 4, 1.0 / 4}));
  // A ban as soon as it counts as bad twice in a row.
  Player strict(
      "{name: reputation, variant: beta, decay: 1, ban_below: 0.3}", 0, 2);
  strict.Play(kThree);
  EXPECT_THAT(strict.Play(kThree).kept, ElementsAre(0, 1, 2));
  EXPECT_THAT(strict.Play(kThree).kept, ElementsAre(0, 1));
}

TEST(Reputation, ControlsByErrorSumAndChange) {
  // Errors 0, 0, 2 in the first round: u is 0, 0, 2 kp + 2 ki. Mean 2/3 and
  // deviation 2/sqrt(3) (times kp + ki): 2 is above mean + 1.1 deviations
  // = 1.94, not above mean + 1.2 = 2.05.
  for (const auto& [sigmas, banned] :
       {std::pair{"1.1", 1.0}, std::pair{"1.2", 0.0}}) {
    Player player(
        "{name: reputation, variant: pid, sigmas: " + std::string(sigmas) + "}",
        0,
        2);
    const Result first = player.Play(kThree);
    EXPECT_THAT(first.vector,
                ElementsAre(DoubleNear(1.0 / 3, 1e-15), DoubleNear(0, 1e-15)));
    EXPECT_EQ(player.Play(kThree).diagnostics.at("aggregate/num_banned"),
              banned);
  }
  // The change alone: client 0 turns from error 0 to 2, client 2 back.
  Player player(
      "{name: reputation, variant: pid, kp: 0, ki: 0, sigmas: 1, rule: median}",
      0,
      1);
  player.Play({{{1}, {1}, {1}, {-1}}, {0, 1, 2, 3}});
  player.Play({{{-1}, {1}, {1}, {1}}, {0, 1, 2, 3}});
  EXPECT_EQ(
      player.Play({{{1}, {1}}, {0, 1}}).diagnostics.at("aggregate/num_banned"),
      1.0);
}

TEST(Reputation, RefusesKeysOfOtherVariants) {
  EXPECT_ANY_THROW(FromText("{name: reputation, kp: 2}"));
  EXPECT_ANY_THROW(FromText("{name: reputation, variant: pid, power: 2}"));
  EXPECT_ANY_THROW(FromText("{name: reputation, variant: beta, initial: 1}"));
}

TEST(Reputation, HoldsALayerOfItself) {
  Player player(
      "{name: reputation, rule: {name: reputation, rule: afa}}", 0, 2);
  player.Play(kThree);
  EXPECT_GT(player.Play(kThree).vector[0], 0.9);
}

TEST(Reputation, ResumesToTheBit) {
  ExpectResumes("{name: reputation, ban_below: 0.8, ban_rounds: 2}", 0);
  ExpectResumes("{name: reputation, variant: beta, score: distance, rule: afa}",
                0);
  ExpectResumes(
      "{name: reputation, variant: pid, sigmas: 1, score: kept, "
      "rule: {name: krum, f: 1}}",
      1);
  ExpectBoundedState("{name: reputation, rule: median}", 0);
}

TEST(Reputation, SurvivesExtremeRows) {
  for (const std::string variant : {"exponential", "beta", "pid"}) {
    for (const std::string score : {"cosine", "distance", "kept"}) {
      for (const std::string rule : {"mean", "median"}) {
        const std::string text = "{name: reputation, variant: " + variant +
                                 ", score: " + score + ", rule: " + rule + "}";
        for (const std::int64_t n : {1, 2, 7}) {
          ExpectSurvives(text, 0, n);
          ExpectSurvives(text, n / 2, n);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
