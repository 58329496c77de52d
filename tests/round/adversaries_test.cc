// Adversaries and defences in whole rounds.

#include "fedtorch/core/errors.h"
#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

namespace fedtorch::round {
namespace {

using support::Federation;
using support::ReadFile;
using support::RunSmall;
using support::ScratchFolder;
using testing::HasSubstr;
using Json = nlohmann::json;

std::vector<Json> Lines(const RunResult& result) {
  std::ifstream file(result.directory / "metrics.jsonl");
  std::vector<Json> lines;
  std::string text;
  while (std::getline(file, text)) lines.push_back(Json::parse(text));
  return lines;
}

std::int64_t CountByzantine(const RoundReport& report) {
  std::int64_t count = 0;
  for (const ClientRecord& record : report.clients) {
    if (record.byzantine) ++count;
  }
  return count;
}

TEST(Adversaries, AreTheSameClientsInEveryRoundWhereFixed) {
  Federation federation({"attack={name: sign_flip, num_byzantine: 3}",
                         "federation.selection=all",
                         "~federation.clients_per_round"});
  std::vector<std::int64_t> before;
  for (std::int64_t round = 1; round <= 3; ++round) {
    const RoundReport report = federation.rounds.Run(round, &federation.model);
    std::vector<std::int64_t> now;
    for (const ClientRecord& record : report.clients) {
      if (record.byzantine) now.push_back(record.client);
    }
    EXPECT_EQ(now.size(), 3u);
    if (round > 1) {
      EXPECT_EQ(now, before);
    }
    before = now;
    EXPECT_EQ(report.robustness.at("attack/byzantine"), 3.0);
    EXPECT_EQ(report.robustness.at("attack/share"), 3.0 / 12.0);
  }
}

TEST(Adversaries, AreAFixedNumberOfEveryCohortWhereAsked) {
  Federation federation(
      {"attack={name: sign_flip, num_byzantine: 2, membership: cohort}"});
  for (std::int64_t round = 1; round <= 4; ++round) {
    EXPECT_EQ(CountByzantine(federation.rounds.Run(round, &federation.model)),
              2);
  }
}

TEST(Adversaries, TurnTheMeanAsTheirAttackSays) {
  // Equal weights, full cohort of 4 with 1 adversary who sends -mu: the
  // aggregate is (3 mu - mu) / 4 = mu / 2, so that its error is 1/2.
  Federation federation({"attack={name: sign_flip, num_byzantine: 1}",
                         "federation.num_clients=4",
                         "federation.selection=all",
                         "~federation.clients_per_round",
                         "server.weighting=uniform"});
  const RoundReport report = federation.rounds.Run(1, &federation.model);
  EXPECT_NEAR(report.robustness.at("aggregate/error"), 0.5, 1e-6);
  // A mean chooses nobody, so there is nothing to detect.
  EXPECT_FALSE(report.robustness.contains("detection/recall"));
}

TEST(Adversaries, BehaveBeforeTheirFirstRound) {
  const std::vector<std::string> common{"federation.selection=all",
                                        "~federation.clients_per_round",
                                        "server.weighting=uniform"};
  auto with = common;
  with.push_back("attack={name: sign_flip, num_byzantine: 3, start_round: 2}");
  Federation attacked(with);
  Federation clean(common);
  attacked.rounds.Run(1, &attacked.model);
  clean.rounds.Run(1, &clean.model);
  EXPECT_EQ(attacked.model.Hash(), clean.model.Hash());
  attacked.rounds.Run(2, &attacked.model);
  clean.rounds.Run(2, &clean.model);
  EXPECT_NE(attacked.model.Hash(), clean.model.Hash());
}

TEST(Adversaries, WithoutDataLeaveAllSamplesToTheHonest) {
  Federation federation(
      {"attack={name: sign_flip, num_byzantine: 2, data: none}",
       "federation.num_clients=8",
       "federation.selection=all",
       "~federation.clients_per_round"});
  EXPECT_EQ(federation.world.num_clients(), 8);
  EXPECT_EQ(federation.world.client_sets.train.SizeOf(6), 0);
  EXPECT_EQ(federation.world.client_sets.train.SizeOf(7), 0);
  EXPECT_EQ(federation.world.num_samples(), 600);
  const RoundReport report = federation.rounds.Run(1, &federation.model);
  EXPECT_TRUE(report.clients[7].byzantine);
  EXPECT_FALSE(report.clients[7].dropped);
  EXPECT_FALSE(report.clients[7].trained);
  EXPECT_EQ(report.clients[7].samples, 100);
}

TEST(Adversaries, ComeBesideTheHonestWhereAsked) {
  Federation federation(
      {"attack={name: sign_flip, num_byzantine: 3, data: none, beside: true}",
       "federation.num_clients=8",
       "federation.selection=all",
       "~federation.clients_per_round"});
  EXPECT_EQ(federation.world.num_clients(), 11);
  EXPECT_EQ(federation.world.client_sets.train.SizeOf(8), 0);
  EXPECT_EQ(CountByzantine(federation.rounds.Run(1, &federation.model)), 3);
}

TEST(LongTail, KeepsTheShareOfEachClass) {
  // 600 generated samples, balanced over 4 classes to within the draw.
  Federation whole({});
  Federation thin({"data.class_shares=[1.0, 0.5, 0.0, 0.1]"});
  std::vector<double> before(4);
  std::vector<double> after(4);
  for (const auto t : whole.world.corpus.train.targets) {
    before[static_cast<std::size_t>(t)] += 1.0;
  }
  for (const auto t : thin.world.corpus.train.targets) {
    after[static_cast<std::size_t>(t)] += 1.0;
  }
  EXPECT_EQ(after[0], before[0]);
  EXPECT_NEAR(after[1], 0.5 * before[1], 0.51);
  EXPECT_EQ(after[2], 0.0);
  EXPECT_NEAR(after[3], 0.1 * before[3], 0.51);
  EXPECT_EQ(thin.world.corpus.test->size(), whole.world.corpus.test->size());
  EXPECT_THROW(Federation({"data.class_shares=[1.0]"}), core::ConfigError);
  EXPECT_THROW(Federation({"data.class_shares=[0, 0, 0, 0]"}),
               core::ConfigError);
}

TEST(LongTail, KeepsTheShareOfEachClassInTheTestSet) {
  Federation whole({});
  Federation thin({"data.test_class_shares=[0.0, 0.5, 1.0, 1.0]"});
  const auto count = [](const Federation& federation, std::int64_t target) {
    const auto& targets = federation.world.corpus.test->targets;
    return static_cast<double>(
        std::count(targets.begin(), targets.end(), target));
  };
  EXPECT_EQ(count(thin, 0), 0.0);
  EXPECT_NEAR(count(thin, 1), 0.5 * count(whole, 1), 0.51);
  EXPECT_EQ(count(thin, 2), count(whole, 2));
  EXPECT_EQ(count(thin, 3), count(whole, 3));
  EXPECT_EQ(thin.world.corpus.train.targets, whole.world.corpus.train.targets);
  EXPECT_THROW(Federation({"data.test_class_shares=[1.0, 1.0]"}),
               core::ConfigError);
}

TEST(Adversaries, WithRandomDataHoldAsManySamplesAsOthers) {
  Federation federation(
      {"attack={name: sign_flip, of: own, num_byzantine: 2, data: iid}",
       "federation.num_clients=8"});
  EXPECT_EQ(federation.world.client_sets.train.SizeOf(7), 100);
  EXPECT_EQ(federation.world.num_samples(), 800);
}

TEST(Adversaries, ThatSendNanAreSetAsideAndCountAgainstF) {
  const ScratchFolder folder;
  const std::vector<Json> lines =
      Lines(RunSmall(folder.path(),
                     {"attack={name: nan, num_byzantine: 3}",
                      "federation.selection=all",
                      "~federation.clients_per_round",
                      // 9 are left with f = 0; with f = 3 it would need 9 of
                      // them as well, so both fit.
                      "server.aggregator=krum"}));
  for (const Json& line : lines) {
    if (line.at("round") == 0) continue;
    EXPECT_EQ(line.at("cohort/rejected"), 3);
    EXPECT_EQ(line.at("cohort/admitted"), 9);
    EXPECT_GT(line.at("update/norm").get<double>(), 0.0);
    EXPECT_THAT(line.at("cohort/rejections").get<std::string>(),
                HasSubstr("not finite"));
  }
}

TEST(Adversaries, AloneInACohortAreRecorded) {
  const ScratchFolder folder;
  const std::vector<Json> lines =
      Lines(RunSmall(folder.path(),
                     {"attack={name: sign_flip, num_byzantine: 12}",
                      "server.aggregator=median"}));
  for (const Json& line : lines) {
    if (line.at("round") == 0) continue;
    EXPECT_EQ(line.at("attack/share"), 1.0);
    // Nobody honest is there to learn from, and they did not train.
    EXPECT_EQ(line.at("attack/blind"), 1.0);
    EXPECT_EQ(line.at("update/norm"), 0.0);
    EXPECT_FALSE(line.contains("aggregate/error"));
  }
}

TEST(Adversaries, AloneAndWithoutDataSendNothing) {
  Federation federation(
      {"attack={name: sign_flip, num_byzantine: 11, data: none}",
       "server.aggregator=median",
       "federation.clients_per_round=2"});
  bool alone = false;
  for (std::int64_t round = 1; round <= 5; ++round) {
    const RoundReport report = federation.rounds.Run(round, &federation.model);
    if (report.num_byzantine() < 2) continue;
    alone = true;
    EXPECT_EQ(report.robustness.at("attack/blind"), 1.0);
    EXPECT_EQ(report.update_norm, 0.0);
  }
  EXPECT_TRUE(alone);
}

TEST(Defence, RecordsACohortThatItCannotServe) {
  // Poisson cohorts of 6 on average; Krum with f = 2 needs 7.
  const std::vector<std::string> overrides{
      "federation.selection=poisson",
      "federation.clients_per_round=8",
      "federation.rounds=8",
      "attack={name: sign_flip, num_byzantine: 3, declared_f: 2}",
      "server.aggregator=krum"};
  const ScratchFolder folder;
  const std::vector<Json> lines = Lines(RunSmall(folder.path(), overrides));
  int skipped = 0;
  for (const Json& line : lines) {
    if (line.at("round") == 0) continue;
    const bool small = line.at("cohort/admitted").get<int>() < 7;
    EXPECT_EQ(line.contains("aggregate/skipped"), small);
    if (!small) continue;
    ++skipped;
    EXPECT_THAT(line.at("aggregate/skipped").get<std::string>(),
                HasSubstr("with f = 2"));
    EXPECT_EQ(line.at("update/norm"), 0.0);
  }
  EXPECT_GT(skipped, 0);

  auto strict = overrides;
  strict.push_back("server.unservable_cohort=fail");
  EXPECT_THROW(RunSmall(folder.path(), strict), core::RunError);
}

TEST(Defence, IsRefusedWhereTheCohortIsTooSmallFromTheStart) {
  try {
    Federation federation({"server.aggregator={name: krum, f: 2}"});
    FAIL() << "a cohort of 4 was accepted";
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("krum needs n >= 2f + 3 = 7 updates, found n = 4 "
                          "with f = 2"));
  }
}

TEST(Defence, MustBeToldOfF) {
  EXPECT_THROW(Federation({"server.aggregator=krum"}), core::ConfigError);
  EXPECT_NO_THROW(Federation({"server.aggregator={name: krum, f: 0}"}));
}

TEST(Momentum, OfUpdatesIsTheMovingAverageOfAClient) {
  // A full-batch step at a model that does not move (server lr near 0) gives
  // the same delta every round: m_t = (1 - beta^t) delta.
  const std::vector<std::string> common{
      "federation.selection=all",
      "~federation.clients_per_round",
      "client={local_steps: 1, batch_size: "
      "0, optimizer: {name: sgd, lr: 0.05}, "
      "update_momentum: 0.75}",
      "server.optimizer={name: sgd, lr: 1e-9}"};
  Federation average(common);
  auto summed = common;
  summed.push_back("client.update_momentum_form=sum");
  Federation sum(summed);
  std::vector<double> norms;
  std::vector<double> sums;
  for (std::int64_t round = 1; round <= 3; ++round) {
    norms.push_back(average.rounds.Run(round, &average.model).update_norm);
    sums.push_back(sum.rounds.Run(round, &sum.model).update_norm);
  }
  const double delta = norms[0] / 0.25;
  EXPECT_NEAR(norms[1], (1.0 - 0.75 * 0.75) * delta, 1e-5 * delta);
  EXPECT_NEAR(norms[2], (1.0 - std::pow(0.75, 3)) * delta, 1e-5 * delta);
  EXPECT_NEAR(sums[0], delta, 1e-5 * delta);
  EXPECT_NEAR(sums[2], (1.0 + 0.75 + 0.75 * 0.75) * delta, 1e-5 * delta);
}

TEST(Validation, IsHeldBackAndMeasured) {
  const ScratchFolder folder;
  const RunResult result = RunSmall(folder.path(), {"data.validation=0.2"});
  const Json last = Lines(result).back();
  EXPECT_TRUE(last.contains("validation/accuracy"));
  EXPECT_TRUE(last.contains("test/accuracy"));
  EXPECT_TRUE(
      Json::parse(result.summary).contains("validation/accuracy/best_round"));
  Federation federation({"data.validation=0.2"});
  EXPECT_EQ(federation.world.validation->size(), 120);
  EXPECT_EQ(federation.world.num_samples(), 480);
}

class ResumeUnderAttack
    : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(ResumeUnderAttack, GivesTheBytesOfTheUninterruptedRun) {
  std::vector<std::string> overrides = GetParam();
  overrides.push_back("federation.rounds=6");
  overrides.push_back("federation.clients_per_round=8");
  overrides.push_back("checkpoint={every: 3, keep: 10}");
  overrides.push_back("client.update_momentum=0.9");
  const ScratchFolder folder;
  const RunResult whole = RunSmall(folder.path(), overrides);
  const std::string expected = ReadFile(whole.directory / "metrics.jsonl");
  namespace fs = std::filesystem;
  for (const auto& entry :
       fs::directory_iterator(whole.directory / "checkpoints")) {
    if (entry.path().filename() != "round-3" &&
        entry.path().filename().string().rfind("round-", 0) == 0 &&
        std::stoi(entry.path().filename().string().substr(6)) > 3) {
      fs::remove_all(entry.path());
    }
  }
  fs::remove(whole.directory / "summary.json");
  RunSmall(folder.path(), overrides, whole.directory);
  EXPECT_EQ(ReadFile(whole.directory / "metrics.jsonl"), expected);
  // And with another number of threads.
  overrides.push_back("runtime.threads=3");
  EXPECT_EQ(
      ReadFile(RunSmall(folder.path(), overrides).directory / "metrics.jsonl"),
      expected);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    ResumeUnderAttack,
    testing::Values(
        std::vector<std::string>{
            "attack={name: sign_flip, num_byzantine: 2, membership: cohort}",
            "server.aggregator={name: centered_clipping, tau: 0.1}"},
        std::vector<std::string>{
            "attack={name: mimic, num_byzantine: 2, membership: redrawn, "
            "declared_f: 2}",
            "server.pre_aggregators=[{name: nnm}]",
            "server.aggregator=median"},
        std::vector<std::string>{
            "attack={name: sign_flip, of: own, num_byzantine: 2}",
            "server.aggregator=foolsgold"}));

}  // namespace
}  // namespace fedtorch::round
