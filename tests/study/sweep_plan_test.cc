#include "fedtorch/study/sweep_plan.h"

#include "fedtorch/core/errors.h"
#include "tests/study/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace fedtorch::study {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kBase = R"(name: base
seed: 3
data:
  dataset: {name: synthetic_images, train_samples: 100, test_samples: 10}
  partition: {name: dirichlet, alpha: 1.0}
model: logistic
federation: {num_clients: 5, rounds: 2}
)";

class SweepPlanTest : public ::testing::Test {
 protected:
  SweepPlan Compose(const std::string& more,
                    const std::vector<std::string>& words = {},
                    std::optional<std::int64_t> seeds = {}) const {
    return ComposeSweep(
        {{folder_.Write("a.yaml", kBase + more)}, words, seeds});
  }
  std::string Problems(const std::string& more,
                       const std::vector<std::string>& words = {},
                       std::optional<std::int64_t> seeds = {}) const {
    try {
      Compose(more, words, seeds);
    } catch (const core::ConfigError& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
  Folder folder_;
};

std::vector<std::string> Described(const SweepPlan& plan) {
  std::vector<std::string> texts;
  for (const Trial& trial : plan.trials) texts.push_back(plan.Describe(trial));
  return texts;
}

TEST_F(SweepPlanTest, GridThenWordsThenSeedsInTheOrderWritten) {
  const SweepPlan plan = Compose(
      "sweep: {grid: {server.aggregator: [mean, {name: median}]}, seeds: 2}\n",
      {"client.optimizer.lr=0.1,0.2", "federation.rounds=3"});
  EXPECT_THAT(plan.axes,
              ElementsAre("server.aggregator", "client.optimizer.lr", "seed"));
  EXPECT_THAT(
      Described(plan),
      ElementsAre(
          "server.aggregator=mean, client.optimizer.lr=0.1, seed=3",
          "server.aggregator=mean, client.optimizer.lr=0.1, seed=4",
          "server.aggregator=mean, client.optimizer.lr=0.2, seed=3",
          "server.aggregator=mean, client.optimizer.lr=0.2, seed=4",
          "server.aggregator={name: median}, client.optimizer.lr=0.1, seed=3",
          "server.aggregator={name: median}, client.optimizer.lr=0.1, seed=4",
          "server.aggregator={name: median}, client.optimizer.lr=0.2, seed=3",
          "server.aggregator={name: median}, client.optimizer.lr=0.2, "
          "seed=4"));
  const auto config = nlohmann::json::parse(plan.trials[5].config_json);
  EXPECT_EQ(config.at("server").at("aggregator").at("name"), "median");
  EXPECT_EQ(config.at("client").at("optimizer").at("lr"), 0.1);
  EXPECT_EQ(config.at("federation").at("rounds"), 3);
  EXPECT_EQ(config.at("seed"), 4);
  EXPECT_FALSE(config.contains("sweep"));
  EXPECT_EQ(plan.name, "base-sweep");
}

TEST_F(SweepPlanTest, SeedsOfTheDataAreAnAxisOfTheirOwn) {
  const SweepPlan plan = Compose("sweep: {data_seeds: 2, name: mine}\n", {}, 2);
  EXPECT_THAT(Described(plan),
              ElementsAre("data.partition.seed=3, seed=3",
                          "data.partition.seed=3, seed=4",
                          "data.partition.seed=4, seed=3",
                          "data.partition.seed=4, seed=4"));
  EXPECT_EQ(plan.name, "mine");
}

TEST_F(SweepPlanTest, HashDependsOnWhatChangesResultsOnly) {
  const auto hashes = [this](const std::vector<std::string>& words) {
    std::vector<std::string> all;
    for (const Trial& trial : Compose("", words, 3).trials) {
      all.push_back(trial.hash);
    }
    return all;
  };
  const auto base = hashes({});
  EXPECT_EQ(hashes({"runtime.threads=2"}), base);
  EXPECT_EQ(hashes({"output.dir=elsewhere", "checkpoint.every=1"}), base);
  EXPECT_NE(hashes({"client.optimizer.lr=0.7"}), base);
  EXPECT_NE(base[0], base[1]);
}

TEST_F(SweepPlanTest, AWordTakesThePlaceOfAGridsAxis) {
  const std::string grid =
      "sweep:\n  grid:\n    federation.rounds: [1, 2]\n"
      "    client.optimizer.lr: [0.1, 0.2]\n";
  EXPECT_THAT(
      Described(Compose(grid, {"federation.rounds=5"})),
      ElementsAre("client.optimizer.lr=0.1", "client.optimizer.lr=0.2"));
  EXPECT_THAT(Described(Compose(
                  grid, {"federation.rounds=7,8", "client.optimizer.lr=0.3"})),
              ElementsAre("federation.rounds=7", "federation.rounds=8"));
}

TEST_F(SweepPlanTest, ReportsEachProblemOnceWithItsPlaceAndTrial) {
  const std::string text = Problems(
      "sweep:\n  grid:\n    server.aggregator: [mean, medain]\n    sevrer.x: "
      "[1]\n",
      {"federation.rounds=0,2"});
  EXPECT_THAT(text,
              HasSubstr("a.yaml:10:31: error: server.aggregator: unknown value "
                        "'medain'; did you mean 'median'? [trial "
                        "server.aggregator=medain, sevrer.x=1, "
                        "federation.rounds=0, and 1 more]\n"
                        "        server.aggregator: [mean, medain]\n"));
  EXPECT_THAT(text,
              HasSubstr("command line, word #1: federation.rounds=0,2: error: "
                        "federation.rounds: expected an integer >= 1"));
  // All trials have this one, so none is named.
  EXPECT_THAT(text,
              AllOf(HasSubstr("unknown key 'sevrer'; did you mean 'server'"),
                    Not(HasSubstr("'server'? [trial"))));
}

TEST_F(SweepPlanTest, ChecksTheSection) {
  EXPECT_THAT(Problems("sweep: {grit: {a: [1]}}\n"),
              HasSubstr("sweep: unknown key 'grit'; did you mean 'grid'?"));
  EXPECT_THAT(
      Problems("sweep: {grid: {federation.rounds: 3}}\n"),
      HasSubstr("sweep.grid.federation.rounds: expected a list of values, got "
                "'3'; write [3]"));
  EXPECT_THAT(Problems("sweep: {grid: {federation.rounds: []}}\n"),
              HasSubstr("expected at least one value"));
  EXPECT_THAT(Problems("sweep: {grid: [1]}\n"),
              HasSubstr("sweep.grid: expected a mapping"));
  EXPECT_THAT(Problems("sweep: {seeds: 0}\n"),
              HasSubstr("sweep.seeds: expected an integer in [1, 100000]"));
}

TEST_F(SweepPlanTest, RefusesAxesThatMakeNoTrialsOfTheirOwn) {
  EXPECT_THAT(Problems("", {"runtime.threads=1,2"}),
              HasSubstr("'runtime' is no part of a trial's identity"));
  EXPECT_THAT(Problems("", {"seed=1,2"}, 2),
              HasSubstr("the number of seeds and a list of them"));
  EXPECT_THAT(Problems("", {"seed=1,2", "seed=3,4"}),
              HasSubstr("the axis is given twice"));
  EXPECT_THAT(Problems("", {"client.optimizer.lr=0.1,0.1"}),
              HasSubstr("two trials have the same config"));
}

TEST_F(SweepPlanTest, ValuesMayBeMappingsListsAndText) {
  const SweepPlan plan = Compose(
      "sweep:\n  grid:\n    model:\n    - {name: mlp, hidden: [4, 2]}\n"
      "    - name: mlp\n      hidden: []\n    - logistic\n");
  EXPECT_THAT(Described(plan),
              ElementsAre("model={name: mlp, hidden: [4, 2]}",
                          "model={name: mlp, hidden: []}",
                          "model=logistic"));
  const auto config = nlohmann::json::parse(plan.trials[0].config_json);
  EXPECT_EQ(config.at("model").at("hidden").dump(), "[4,2]");
}

TEST_F(SweepPlanTest, WithoutAxesThereIsOneTrial) {
  EXPECT_THAT(Compose("").trials, SizeIs(1));
  EXPECT_FALSE(HasSweep({{folder_.Write("a.yaml", kBase)}, {}, {}}));
  EXPECT_TRUE(
      HasSweep({{folder_.Write("b.yaml", "sweep: {seeds: 2}\n")}, {}, {}}));
}

}  // namespace
}  // namespace fedtorch::study
