#include "fedtorch/round/experiment.h"

#include "fedtorch/core/errors.h"
#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::round {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::vector<std::string>& overrides) {
  try {
    support::SmallExperiment(overrides);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Experiment, KnowsItsCrossFieldRules) {
  EXPECT_THAT(ErrorOf({"client_split=1"}), HasSubstr("unknown key"));
  EXPECT_THAT(ErrorOf({"federation.client_fraction=0.5"}),
              HasSubstr("exactly one of clients_per_round"));
  EXPECT_THAT(ErrorOf({"federation.clients_per_round=13"}),
              HasSubstr("at most federation.num_clients = 12"));
  EXPECT_THAT(ErrorOf({"~federation.num_clients"}),
              HasSubstr("needs the number of clients"));
  EXPECT_THAT(ErrorOf({"data.client_split={train: 0.5, test: 0.4}"}),
              HasSubstr("to be 1"));
  EXPECT_THAT(ErrorOf({"eval.clients.every=1"}),
              HasSubstr("clients have no test samples"));
  EXPECT_THAT(ErrorOf({"eval.clients.sets=[tests]"}),
              HasSubstr("train, validation or test"));
  EXPECT_THAT(ErrorOf({"client.local_steps=3",
                       "fleet.stragglers={fraction: 0.1, policy: partial}"}),
              HasSubstr("counted in epochs"));
  EXPECT_THAT(ErrorOf({"federation.selection=all"}),
              HasSubstr("takes every client"));
  EXPECT_THAT(ErrorOf({"name=a/b"}), HasSubstr("can be a folder"));
}

TEST(Experiment, TakesTheWeightingOfTheMethodsPaper) {
  EXPECT_EQ(support::SmallExperiment({}).weighting,
            aggregate::Weighting::kSamples);
  EXPECT_EQ(support::SmallExperiment({"algorithm=scaffold"}).weighting,
            aggregate::Weighting::kUniform);
  EXPECT_EQ(support::SmallExperiment(
                {"algorithm=scaffold", "server.weighting=samples"})
                .weighting,
            aggregate::Weighting::kSamples);
}

TEST(Experiment, SizesTheCohort) {
  const auto size = [](const std::string& fraction, std::int64_t clients) {
    return support::SmallExperiment({"~federation.clients_per_round",
                                     "federation.client_fraction=" + fraction})
        .CohortSize(clients);
  };
  EXPECT_EQ(size("0.1", 100), 10);
  EXPECT_EQ(size("0.1", 101), 11) << "max(ceil(C N), 1)";
  EXPECT_EQ(size("0.001", 12), 1);
  EXPECT_EQ(size("1.0", 12), 12);
}

TEST(Experiment, HashIgnoresWhereAndHowItRuns) {
  const auto hash = [](const std::vector<std::string>& overrides) {
    config::Document document = support::SmallDocument(overrides);
    Experiment::Read(document.Root());
    document.Finish();
    return document.Hash();
  };
  EXPECT_EQ(hash({}), hash({"runtime.threads=7", "output.dir=/x"}));
  EXPECT_NE(hash({}), hash({"client.batch_size=11"}));
  EXPECT_EQ(hash({}), hash({"client.last_batch=keep"})) << "the default";
}

}  // namespace
}  // namespace fedtorch::round
