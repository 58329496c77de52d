// Rounds with stacked clients against rounds with one client at a time.
#include "fedtorch/core/errors.h"
#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

namespace fedtorch::round {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using support::ReadFile;
using support::RunSmall;
using support::ScratchFolder;

using Overrides = std::vector<std::string>;

Overrides With(Overrides overrides, const Overrides& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

const Overrides kStacked{"runtime.executor=stacked", "runtime.device=cpu"};

class StackedRoundTest : public ::testing::TestWithParam<Overrides> {};

// A dropout network over three rounds; waves of three in a cohort of five, so
// that a round has two of them.
TEST_P(StackedRoundTest, IsThatOfOneClientAtATimeUpToRounding) {
  const Overrides overrides =
      With(GetParam(),
           {"model={name: mlp, hidden: [16], dropout: 0.3}",
            "federation.clients_per_round=5"});
  support::Federation alone(With(overrides, {"runtime.executor=client_major"}));
  support::Federation stacked(
      With(overrides, With(kStacked, {"runtime.wave=3"})));
  ASSERT_TRUE(stacked.world.execution.stacked);
  for (std::int64_t round = 1; round <= 3; ++round) {
    SCOPED_TRACE(round);
    const RoundReport expected = alone.rounds.Run(round, &alone.model);
    const RoundReport found = stacked.rounds.Run(round, &stacked.model);
    EXPECT_NEAR(found.train_loss, expected.train_loss, 1e-5);
    EXPECT_EQ(found.num_steps(), expected.num_steps());
    ASSERT_EQ(found.clients.size(), expected.clients.size());
    for (std::size_t i = 0; i < found.clients.size(); ++i) {
      EXPECT_EQ(found.clients[i].client, expected.clients[i].client);
      EXPECT_EQ(found.clients[i].result.steps,
                expected.clients[i].result.steps);
      EXPECT_EQ(found.clients[i].result.a_norm,
                expected.clients[i].result.a_norm);
    }
    EXPECT_EQ(expected.stacked_work.slots, 0);
    EXPECT_EQ(found.stacked_work.useful_steps(), 1.0);
    double largest = 0.0;
    double worst = 0.0;
    for (std::size_t j = 0; j < alone.model.parameters.size(); ++j) {
      largest = std::max(largest, std::fabs(alone.model.parameters[j]));
      worst = std::max(
          worst,
          std::fabs(alone.model.parameters[j] - stacked.model.parameters[j]));
    }
    EXPECT_LE(worst, 1e-5 * std::max(1.0, largest));
  }
}

struct Outcome {
  std::string metrics;
  std::string model;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome RunWith(const Overrides& overrides, int threads) {
  const ScratchFolder folder;
  const RunResult result =
      RunSmall(folder.path(),
               With(overrides, {"runtime.threads=" + std::to_string(threads)}));
  return {ReadFile(result.directory / "metrics.jsonl"),
          ReadFile(result.directory / "model.npz")};
}

TEST_P(StackedRoundTest, GivesTheSameBytesForAnyNumberOfThreadsAndAgain) {
  const Overrides overrides = With(
      GetParam(),
      With(
          kStacked,
          {"model={name: mlp, hidden: [16], dropout: 0.3}", "runtime.wave=3"}));
  const Outcome one = RunWith(overrides, 1);
  EXPECT_EQ(one, RunWith(overrides, 1));
  EXPECT_EQ(one, RunWith(overrides, 2));
  EXPECT_EQ(one, RunWith(overrides, 5));
  EXPECT_NE(one, RunWith(With(overrides, {"seed=4"}), 2));
}

INSTANTIATE_TEST_SUITE_P(
    EveryMethod,
    StackedRoundTest,
    ::testing::Values(
        Overrides{"algorithm=fedavg", "client.local_epochs=2"},
        Overrides{"algorithm=fedsgd"},
        Overrides{"algorithm={name: fedprox, mu: 0.1}",
                  "fleet.stragglers={fraction: 0.5, policy: partial}",
                  "client.local_epochs=3"},
        Overrides{"algorithm=scaffold", "client.optimizer.weight_decay=0.01"},
        Overrides{"algorithm={name: scaffold, option: 1}"},
        Overrides{"algorithm={name: feddyn, alpha: 0.1}"},
        Overrides{"algorithm=fednova", "client.optimizer.momentum=0.9"},
        Overrides{"server.aggregator=median"},
        Overrides{"federation.selection=poisson",
                  "server.weighting=unbiased"}));

TEST(StackedRound, ThrowsTheErrorOfTheLowestTaskOfAllWaves) {
  support::Federation federation(
      With(kStacked, {"runtime.threads=3", "runtime.wave=4"}));
  std::vector<std::int64_t> order(50);
  std::iota(order.rbegin(), order.rend(), 0);
  std::vector<int> runs(50, 0);
  try {
    federation.workers.Train(order, [&](Worker&, std::int64_t task) {
      ++runs[static_cast<std::size_t>(task)];
      if (task % 7 == 3) throw core::RunError("task " + std::to_string(task));
    });
    FAIL();
  } catch (const core::RunError& error) {
    EXPECT_STREQ(error.what(), "task 3");
  }
  EXPECT_THAT(runs, ::testing::Each(1));
}

TEST(StackedRound, IsRecordedInManifestAndTiming) {
  const ScratchFolder folder;
  const RunResult result =
      RunSmall(folder.path(), With(kStacked, {"runtime.wave=3"}));
  const Json manifest =
      Json::parse(ReadFile(result.directory / "manifest.json"));
  EXPECT_EQ(manifest["device"]["name"], "cpu");
  EXPECT_EQ(manifest["device"]["reason"], "runtime.device says so");
  EXPECT_EQ(manifest["executor"]["name"], "stacked");
  EXPECT_EQ(manifest["executor"]["reason"], "runtime.executor says so");
  EXPECT_EQ(manifest["executor"]["wave"], 3);
  EXPECT_EQ(manifest["engine"]["name"], "stacked");
  EXPECT_THAT(manifest["engine"]["reason"].get<std::string>(),
              HasSubstr("evaluation: "));
  std::istringstream timing(ReadFile(result.directory / "timing.jsonl"));
  std::string line;
  int lines = 0;
  while (std::getline(timing, line)) {
    const Json json = Json::parse(line);
    EXPECT_EQ(json["stacked_useful_steps"], 1.0);
    EXPECT_GT(json["stacked_useful_samples"], 0.5);
    EXPECT_LE(json["stacked_useful_samples"], 1.0);
    ++lines;
  }
  EXPECT_EQ(lines, 5);
}

TEST(StackedRound, AutoTrainsOneClientAtATimeOnTheProcessor) {
  const support::Federation federation({"runtime.device=cpu"});
  const Execution& execution = federation.world.execution;
  EXPECT_FALSE(execution.stacked);
  EXPECT_EQ(execution.wave, 1);
  EXPECT_EQ(execution.executor_reason, "clients train on the processor");
}

// min(cohort, floor(2 GB / bytes of a client)).
TEST(StackedRound, AnAutomaticWaveFitsIntoMemory) {
  EXPECT_EQ(support::Federation(kStacked).world.execution.wave, 4);
  const support::Federation large(
      With(kStacked,
           {"model={name: mlp, hidden: [4000, 4000]}",
            "federation.clients_per_round=12"}));
  const std::int64_t parameters = 37 * 4000 + 4001 * 4000 + 4001 * 4;
  std::int64_t samples = 0;
  for (std::int64_t i = 0; i < 12; ++i) {
    samples = std::max(samples, large.world.client_sets.train.SizeOf(i));
  }
  const std::int64_t bytes =
      4 * (5 * parameters +
           std::min<std::int64_t>(samples, 256) * 3 * (36 + 4 * 4000 + 4));
  EXPECT_EQ(large.world.execution.wave, 2'000'000'000 / bytes);
  EXPECT_EQ(support::Federation(With(kStacked, {"runtime.wave=2"}))
                .world.execution.wave,
            2);
}

std::string RefusalOf(const Overrides& overrides) {
  try {
    const support::Federation federation(overrides);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(StackedRound, RefusesWhatCannotBeStacked) {
  const Overrides with_batch_norm{
      "model={name: sequential, layers: [{name: flatten}, {name: dense, units: "
      "8}, {name: batch_norm}, {name: dense, units: 4}]}"};
  EXPECT_THAT(RefusalOf(With(with_batch_norm, kStacked)),
              HasSubstr("runtime.executor: stacked cannot train this model: "
                        "layer 2.batch_norm shares statistics over the batch "
                        "and has no stacked form"));
  EXPECT_EQ(RefusalOf(with_batch_norm), "");
}

TEST(StackedRound, RefusesADeviceThatIsNone) {
  for (const char* name : {"gpu", "cuda:x", "cuda:"}) {
    EXPECT_THAT(RefusalOf({std::string("runtime.device='") + name + "'"}),
                HasSubstr("runtime.device: expected auto, cpu, cuda or cuda:N "
                          "with N from 0, found '" +
                          std::string(name) + "'"));
  }
}

TEST(StackedRound, RefusesKeysThatContradictEachOther) {
  EXPECT_THAT(
      RefusalOf({"runtime.executor=client_major", "runtime.device=cuda:1"}),
      HasSubstr("client_major trains on the processor, but runtime.device is "
                "cuda:1; use stacked or auto"));
  EXPECT_THAT(RefusalOf({"runtime.executor=client_major", "runtime.wave=3"}),
              HasSubstr("client_major trains one client at a time"));
}

}  // namespace
}  // namespace fedtorch::round
