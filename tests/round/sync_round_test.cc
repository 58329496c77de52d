#include "fedtorch/round/sync_round.h"

#include "fedtorch/core/errors.h"
#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace fedtorch::round {
namespace {

using support::Federation;
using ::testing::HasSubstr;

// The mean by the other way through: all updates in a table.
std::unique_ptr<aggregate::Aggregator> MakeMean(config::Section& section) {
  for (const aggregate::Kind* kind : aggregate::Kinds()) {
    if (kind->name == "mean") return kind->make(section);
  }
  return nullptr;
}
constexpr aggregate::Kind kTableMean{
    .name = "table_mean",
    .summary = "The mean of a table.",
    .source = "test",
    .preconditions = "n >= 1",
    .reduction = aggregate::Reduction::kTable,
    .make = MakeMean,
};

void UseTableMean() {
  static const bool used = [] {
    aggregate::Use(kTableMean);
    return true;
  }();
  (void)used;
}

TEST(SyncRound, StreamAndTableGiveTheSameBits) {
  UseTableMean();
  for (const std::string weighting : {"samples", "uniform", "unbiased"}) {
    Federation streamed({"server.weighting=" + weighting});
    Federation table(
        {"server.weighting=" + weighting, "server.aggregator=table_mean"});
    for (int round = 1; round <= 3; ++round) {
      streamed.rounds.Run(round, &streamed.model);
      table.rounds.Run(round, &table.model);
    }
    EXPECT_EQ(streamed.model.parameters, table.model.parameters) << weighting;
  }
}

TEST(SyncRound, MedianDiffersFromMeanAndTrains) {
  Federation mean({});
  Federation median({"server.aggregator=median"});
  const RoundReport first = median.rounds.Run(1, &median.model);
  mean.rounds.Run(1, &mean.model);
  EXPECT_NE(mean.model.parameters, median.model.parameters);
  RoundReport last;
  for (int round = 2; round <= 12; ++round) {
    last = median.rounds.Run(round, &median.model);
  }
  EXPECT_LT(last.train_loss, first.train_loss);
}

TEST(SyncRound, SetsAsideWhatIsNotFiniteAndKeepsTheModel) {
  // A learning rate of 1e30 leaves the range in the first step.
  Federation federation({"client.optimizer.lr=1e30"});
  const std::vector<double> before = federation.model.parameters;
  const RoundReport report = federation.rounds.Run(1, &federation.model);
  EXPECT_EQ(report.num_rejected(), 4);
  EXPECT_EQ(report.num_admitted(), 0);
  EXPECT_THAT(report.clients[0].rejected, HasSubstr("not finite"));
  EXPECT_EQ(federation.model.parameters, before);
  EXPECT_TRUE(std::isnan(report.train_loss));
}

TEST(SyncRound, FailsOnNonFiniteUpdatesWhereAsked) {
  Federation federation(
      {"client.optimizer.lr=1e30", "server.fail_on_nonfinite=true"});
  try {
    federation.rounds.Run(1, &federation.model);
    FAIL();
  } catch (const core::Diverged& error) {
    EXPECT_THAT(error.what(), HasSubstr("round 1, client "));
    EXPECT_THAT(error.what(), HasSubstr("client.optimizer.lr"));
  }
}

TEST(SyncRound, SaysWhenTheModelLeavesTheFiniteNumbers) {
  Federation federation({"server.optimizer={name: sgd, lr: 1e300}"});
  EXPECT_THROW(federation.rounds.Run(1, &federation.model), core::Diverged);
}

TEST(SyncRound, KeepsClientStateOfAdmittedUpdatesOnly) {
  Federation good({"algorithm=scaffold"});
  const RoundReport report = good.rounds.Run(1, &good.model);
  std::set<std::int64_t> stored;
  good.store.Visit([&](const std::string&,
                       std::int64_t client,
                       std::span<const float>) { stored.insert(client); });
  std::set<std::int64_t> cohort;
  for (const auto& record : report.clients) cohort.insert(record.client);
  EXPECT_EQ(stored, cohort);

  Federation bad({"algorithm=scaffold", "client.optimizer.lr=1e30"});
  bad.rounds.Run(1, &bad.model);
  bad.store.Visit([](const std::string&, std::int64_t, std::span<const float>) {
    ADD_FAILURE();
  });
}

TEST(SyncRound, StragglersAreDroppedOrDoLess) {
  Federation drop({"client.local_epochs=4",
                   "fleet.stragglers={fraction: 0.5, policy: drop}"});
  const RoundReport dropped = drop.rounds.Run(1, &drop.model);
  EXPECT_EQ(dropped.num_dropped(), 2);
  EXPECT_EQ(dropped.num_admitted(), 2);
  double sum = 0.0;
  for (const auto& record : dropped.clients) sum += record.weight;
  EXPECT_NEAR(sum, 1.0, 1e-12);

  Federation partial({"client.local_epochs=4",
                      "fleet.stragglers={fraction: 0.5, policy: partial}"});
  const RoundReport less = partial.rounds.Run(1, &partial.model);
  EXPECT_EQ(less.num_admitted(), 4);
  for (const auto& record : less.clients) {
    const std::int64_t epoch_steps = (record.samples + 9) / 10;
    if (record.straggler) {
      EXPECT_LT(record.result.steps, 4 * epoch_steps);
      EXPECT_EQ(record.result.steps % epoch_steps, 0);
    } else {
      EXPECT_EQ(record.result.steps, 4 * epoch_steps);
    }
  }
}

TEST(SyncRound, AnEmptyCohortLeavesTheModel) {
  // With an expected cohort of one in twelve some rounds have nobody.
  Federation federation(
      {"federation.selection=poisson", "federation.clients_per_round=1"});
  int empty = 0;
  for (int round = 1; round <= 12; ++round) {
    const std::vector<double> before = federation.model.parameters;
    const RoundReport report = federation.rounds.Run(round, &federation.model);
    if (report.clients.empty()) {
      ++empty;
      EXPECT_EQ(federation.model.parameters, before);
    }
  }
  EXPECT_GT(empty, 0);
}

TEST(SyncRound, CountsBytesOfWhatTravels) {
  const std::int64_t d = 36 * 4 + 4;
  Federation plain({});
  const RoundReport report = plain.rounds.Run(1, &plain.model);
  EXPECT_EQ(report.up_bytes, 4 * d * 4);
  EXPECT_EQ(report.down_bytes, 4 * d * 4);
  // SCAFFOLD doubles both directions (algorithms 2.4).
  Federation scaffold({"algorithm=scaffold"});
  const RoundReport doubled = scaffold.rounds.Run(1, &scaffold.model);
  EXPECT_EQ(doubled.up_bytes, 2 * report.up_bytes);
  EXPECT_EQ(doubled.down_bytes, 2 * report.down_bytes);
}

TEST(SyncRound, WeighsBySamplesUniformlyOrUnbiased) {
  Federation samples({"server.weighting=samples"});
  const RoundReport by_samples = samples.rounds.Run(1, &samples.model);
  double total = 0.0;
  for (const auto& record : by_samples.clients) {
    total += static_cast<double>(record.samples);
  }
  for (const auto& record : by_samples.clients) {
    EXPECT_NEAR(
        record.weight, static_cast<double>(record.samples) / total, 1e-12);
  }
  Federation unbiased({"server.weighting=unbiased"});
  const RoundReport by_law = unbiased.rounds.Run(1, &unbiased.model);
  for (const auto& record : by_law.clients) {
    // (N / S) p_i under uniform sampling.
    EXPECT_NEAR(record.weight,
                12.0 / 4.0 * static_cast<double>(record.samples) / 600.0,
                1e-12);
  }
}

TEST(SyncRound, UnbiasedNeedsAKnownLaw) {
  Federation federation(
      {"server.weighting=unbiased",
       "federation.selection={name: weighted, replace: false}"});
  EXPECT_THROW(federation.rounds.Run(1, &federation.model), core::ConfigError);
}

TEST(SyncRound, FedsgdIsFedavgWithOneFullBatch) {
  Federation sgd({"algorithm=fedsgd"});
  Federation average({"client.batch_size=0"});
  sgd.rounds.Run(1, &sgd.model);
  average.rounds.Run(1, &average.model);
  for (std::size_t i = 0; i < sgd.model.parameters.size(); ++i) {
    EXPECT_NEAR(sgd.model.parameters[i], average.model.parameters[i], 1e-6);
  }
}

}  // namespace
}  // namespace fedtorch::round
