// Every rule, pre-aggregator and attack in whole rounds, so that each kind is
// reached through a config and meets real updates.

#include "fedtorch/core/errors.h"
#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace fedtorch::round {
namespace {

using support::Federation;

// Twelve clients in every round, two of them adversaries.
std::vector<std::string> With(std::vector<std::string> more) {
  std::vector<std::string> overrides{
      "federation.selection=all",
      "~federation.clients_per_round",
      "model={name: mlp, hidden: [6]}",
      "server.root_samples=40",
      "client={local_steps: 2, batch_size: 10, optimizer: {name: sgd, lr: "
      "0.05}}"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

// Runs three rounds; the model must stay finite and, unless a round was
// skipped with a reason, move.
void ExpectRounds(const std::vector<std::string>& overrides) {
  Federation federation(overrides);
  for (std::int64_t round = 1; round <= 3; ++round) {
    const std::string before = federation.model.Hash();
    const RoundReport report = federation.rounds.Run(round, &federation.model);
    EXPECT_TRUE(federation.model.IsFinite());
    EXPECT_TRUE(report.skipped.empty()) << report.skipped;
    if (report.update_norm > 0.0) {
      EXPECT_NE(federation.model.Hash(), before);
    }
  }
}

class EveryAggregator : public testing::TestWithParam<const aggregate::Kind*> {
};

TEST_P(EveryAggregator, JoinsRealUpdatesUnderAttack) {
  static const std::map<std::string_view, std::string> keys = {
      {"filter_l2", ", sigma: 1.0"},
      {"deepsight", ", noise_samples: 50, noise_sets: 1"}};
  const auto found = keys.find(GetParam()->name);
  ExpectRounds(
      With({"attack={name: sign_flip, num_byzantine: 2}",
            "server.aggregator={name: " + std::string(GetParam()->name) +
                (found == keys.end() ? "" : found->second) + "}"}));
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EveryAggregator,
                         testing::ValuesIn(aggregate::AllKinds()),
                         [](const auto& one) {
                           return std::string(one.param->name);
                         });

class EveryPreAggregator
    : public testing::TestWithParam<const aggregate::pre::Kind*> {};

TEST_P(EveryPreAggregator, PreparesRealUpdates) {
  ExpectRounds(With({"attack={name: sign_flip, num_byzantine: 2}",
                     "server.aggregator=median",
                     "server.pre_aggregators=[{name: " +
                         std::string(GetParam()->name) + "}]"}));
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EveryPreAggregator,
                         testing::ValuesIn(aggregate::pre::AllKinds()),
                         [](const auto& one) {
                           return std::string(one.param->name);
                         });

class EveryAttack : public testing::TestWithParam<const attack::Kind*> {};

TEST_P(EveryAttack, MeetsMeanAndTrimmedMean) {
  static const std::map<std::string_view, std::string> keys = {
      {"alie", ", z: 1.0"},
      // The images have 6 x 6 pixels.
      {"dba", ", length: 2, gap: 1"}};
  const auto found = keys.find(GetParam()->name);
  const std::string attack = "attack={name: " + std::string(GetParam()->name) +
                             (found == keys.end() ? "" : found->second) +
                             ", num_byzantine: 2}";
  // What is to be followed needs a rule that chooses rows.
  const std::string robust =
      GetParam()->name == "agr_tailored" ? "multi_krum" : "trimmed_mean";
  ExpectRounds(With({attack, "server.aggregator=" + robust}));
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EveryAttack,
                         testing::ValuesIn(attack::AllKinds()),
                         [](const auto& one) {
                           return std::string(one.param->name);
                         });

}  // namespace
}  // namespace fedtorch::round
