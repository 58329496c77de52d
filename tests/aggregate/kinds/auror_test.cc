#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

using Rows = std::vector<std::vector<double>>;

TEST(Auror, KeepsTheLargerGroup) {
  const Result result = ResultOf("auror", InputC());
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(result.vector,
              ElementsAre(DoubleNear(1.0, 1e-12), DoubleNear(0.05, 1e-12)));
  EXPECT_EQ(result.diagnostics.at("aggregate/num_indicative"), 2.0);
}

TEST(Auror, KeepsTheGroupOfTheFirstRowOfTwoEqualOnes) {
  EXPECT_THAT(ResultOf("auror", {{5.0}, {0.0}, {0.1}, {5.1}}).kept,
              ElementsAre(0, 3));
}

TEST(Auror, JudgesByIndicativeValuesOnly) {
  // The centres of the first value are 0.2 apart, of the second 4.
  const Rows rows = {{0.1, 4}, {0.3, 4}, {0.1, 4}, {0.3, 0}, {0.3, 0}};
  EXPECT_THAT(ResultOf("{name: auror, threshold: 1}", rows).kept,
              ElementsAre(0, 1, 2));
  // A threshold is met by equality; above all gaps everybody is kept.
  EXPECT_EQ(ResultOf("{name: auror, threshold: 4}", rows)
                .diagnostics.at("aggregate/num_indicative"),
            1.0);
  EXPECT_THAT(ResultOf("{name: auror, threshold: 4.5}", rows).kept,
              ElementsAre(0, 1, 2, 3, 4));
}

TEST(Auror, LooksAtTheLastDenseLayerWithItsBias) {
  const std::vector<Block> blocks = {
      {.name = "0.dense.weight", .offset = 0, .size = 1, .shape = {1, 1}},
      {.name = "0.dense.bias", .offset = 1, .size = 1, .shape = {1}},
      {.name = "1.dense.weight", .offset = 2, .size = 1, .shape = {1, 1}},
      {.name = "1.dense.bias", .offset = 3, .size = 1, .shape = {1}}};
  // The hidden layer says 0 and 1 against the rest, the bias 3 and 4.
  const Rows rows = {
      {9, 9, 0, 1}, {9, 9, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 3}, {0, 0, 0, 3}};
  EXPECT_THAT(ResultOf("auror", rows, {.blocks = blocks}).kept,
              ElementsAre(0, 1, 2));
  EXPECT_THAT(
      ResultOf("{name: auror, features: all}", rows, {.blocks = blocks}).kept,
      ElementsAre(2, 3, 4));
}

TEST(Auror, KeepsTheValuesOfItsLastRoundOfSearch) {
  const Round by_first{{{5, 0}, {0, 0}, {0, 0}}, {0, 1, 2}};
  const Round by_second{{{0, 0}, {0, 5}, {0, 0}}, {0, 1, 2}};
  Player player("{name: auror, find_rounds: 2}", 0, 2);
  player.Play(by_first);
  EXPECT_THAT(player.Play(by_second).kept, ElementsAre(0, 2));
  // From now on only the second value counts.
  player.Replace();
  EXPECT_THAT(player.Play(by_first).kept, ElementsAre(0, 1, 2));
  EXPECT_THAT(player.Play(by_second).kept, ElementsAre(0, 2));
}

TEST(Auror, ResumesToTheBit) {
  ExpectResumes("{name: auror, find_rounds: 6}", 0);
  ExpectBoundedState("auror", 0);
}

TEST(Auror, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 7}) {
    ExpectSurvives("auror", 0, n);
    ExpectSurvives("{name: auror, threshold: 0}", n / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
