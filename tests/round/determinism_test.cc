#include "tests/support/experiments.h"

#include <gtest/gtest.h>

#include <set>

namespace fedtorch::round {
namespace {

using support::ReadFile;
using support::RunSmall;
using support::ScratchFolder;

struct Outcome {
  std::string metrics;
  std::string model;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome RunWith(std::vector<std::string> overrides, int threads) {
  const ScratchFolder folder;
  overrides.push_back("runtime.threads=" + std::to_string(threads));
  const RunResult result = RunSmall(folder.path(), overrides);
  return {ReadFile(result.directory / "metrics.jsonl"),
          ReadFile(result.directory / "model.npz")};
}

class DeterminismTest
    : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(DeterminismTest, OneTwoAndFiveThreadsGiveTheSameBytes) {
  std::vector<std::string> overrides = GetParam();
  overrides.push_back("model={name: mlp, hidden: [16], dropout: 0.3}");
  overrides.push_back("data.client_split={train: 0.8, test: 0.2}");
  overrides.push_back("eval.clients.every=2");
  const Outcome one = RunWith(overrides, 1);
  EXPECT_EQ(one, RunWith(overrides, 2));
  EXPECT_EQ(one, RunWith(overrides, 5));
  EXPECT_NE(one,
            RunWith(
                [&] {
                  auto other = overrides;
                  other.push_back("seed=4");
                  return other;
                }(),
                2));
}

INSTANTIATE_TEST_SUITE_P(
    EveryMethodRuleAndSelection,
    DeterminismTest,
    ::testing::Values(
        std::vector<std::string>{"algorithm=fedavg"},
        std::vector<std::string>{"algorithm=fedsgd"},
        std::vector<std::string>{"algorithm={name: fedprox, mu: 0.1}",
                                 "fleet.stragglers={fraction: 0.5, policy: "
                                 "partial}",
                                 "client.local_epochs=3"},
        std::vector<std::string>{"algorithm=scaffold"},
        std::vector<std::string>{"algorithm={name: scaffold, option: 1}"},
        std::vector<std::string>{"algorithm={name: feddyn, alpha: 0.1}"},
        std::vector<std::string>{"algorithm=fednova",
                                 "client.optimizer.momentum=0.9"},
        std::vector<std::string>{"server.aggregator=median"},
        std::vector<std::string>{"server.optimizer={name: adam, lr: 0.01}"},
        std::vector<std::string>{"server.optimizer={name: yogi, lr: 0.01}"},
        std::vector<std::string>{"federation.selection=poisson",
                                 "server.weighting=unbiased"},
        std::vector<std::string>{"federation.selection=weighted",
                                 "server.weighting=unbiased"}));

}  // namespace
}  // namespace fedtorch::round
