#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

const Round kFirst{{{1, 0.1}, {1, -0.1}, {1.1, 0}, {0.9, 0.1}}, {2, 3, 5, 9}};

TEST(CrossRound, KeepsAllInTheFirstRound) {
  Player player("cross_round", 0, 2);
  EXPECT_THAT(player.Play(kFirst).kept, ElementsAre(0, 1, 2, 3));
}

TEST(CrossRound, DropsTheLazyByClientNotByPlace) {
  Player player("cross_round", 0, 2);
  player.Play(kFirst);
  // Client 5 repeats its own direction, twice as long; client 9 sends on the
  // third place what 5 had sent, which is no repetition of its own.
  const Result result =
      player.Play({{{1, 0.12}, {2.2, 0}, {1.1, 0}}, {2, 5, 9}});
  EXPECT_THAT(result.kept, ElementsAre(0, 2));
  EXPECT_EQ(result.diagnostics.at("aggregate/num_lazy"), 1.0);
}

TEST(CrossRound, DropsWhoSendsTheLastAggregateBack) {
  Player player("cross_round", 0, 2);
  const std::vector<double> last = player.Play(kFirst).vector;
  const Result result = player.Play(
      {{{1, 0.12}, {1, -0.12}, {3 * last[0], 3 * last[1]}}, {2, 3, 77}});
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(CrossRound, DropsSuspiciousRowsOnlyWhereTheyAreFarAway) {
  Player player("cross_round", 0, 2);
  player.Play(kFirst);
  // Client 3 turned by about 45 degrees (cosine distance 0.36), but stays near;
  // client 9 turned back and is far away. Client 2 went far in its old
  // direction, which is not suspicious.
  const Round second{{{4, 0.41}, {0.7, 0.6}, {1.1, 0.01}, {-5, -0.3}},
                     {2, 3, 5, 9}};
  const Result result = player.Play(second);
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2));
  EXPECT_EQ(result.diagnostics.at("aggregate/num_suspicious"), 2.0);
  // What was suspicious is not remembered: sending it again is not lazy, and
  // the direction of the first round still counts as the client's own.
  const Result third = player.Play({{{0.7, 0.6}, {1, -0.1}}, {3, 3 + 100}});
  EXPECT_EQ(third.diagnostics.at("aggregate/num_lazy"), 0.0);
  EXPECT_EQ(third.diagnostics.at("aggregate/num_suspicious"), 1.0);
}

TEST(CrossRound, MovesNothingWhereAllAreLazy) {
  Player player("cross_round", 0, 2);
  player.Play(kFirst);
  EXPECT_THAT(player.Play(kFirst).vector, ElementsAre(0.0, 0.0));
}

TEST(CrossRound, TellsTinyAnglesApart) {
  // 1 - cosine of an angle a is a^2 / 2: 1e-3 gives 5e-7, 1e-4 gives 5e-9,
  // where 1 - cos has lost half its digits.
  for (const auto& [angle, lazy] :
       {std::pair{1e-3, 0.0}, std::pair{1e-4, 1.0}}) {
    Player player("cross_round", 0, 2);
    player.Play({{{1, 0}, {0.9, 0.2}}, {0, 1}});
    const Result result = player.Play({{{1, angle}, {0.9, 0.3}}, {0, 1}});
    EXPECT_EQ(result.diagnostics.at("aggregate/num_lazy"), lazy) << angle;
  }
}

TEST(CrossRound, JudgesByTheOutputLayerWhereItIsKnown) {
  const std::vector<Block> blocks = {
      {.name = "1.dense.weight", .offset = 1, .size = 2, .shape = {1, 2}}};
  const std::vector<double> last = {9, 1, 1};
  const std::vector<std::vector<double>> rows = {{1, 2, 2}, {9, 1, 1.2}};
  const Context context{.previous = last, .blocks = blocks};
  EXPECT_THAT(ResultOf("cross_round", rows, context).kept, ElementsAre(1));
  EXPECT_THAT(
      ResultOf("{name: cross_round, features: all}", rows, context).kept,
      ElementsAre(0, 1));
}

TEST(CrossRound, ResumesToTheBit) {
  ExpectResumes("{name: cross_round, suspicious_above: 0.05, sigmas: 0.5}", 0);
  ExpectBoundedState("cross_round", 0);
}

TEST(CrossRound, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 7}) {
    ExpectSurvives("cross_round", 0, n);
    ExpectSurvives("cross_round", n / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
