#include "fedtorch/round/sync_round.h"
#include "tests/support/experiments.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::round {
namespace {

using support::Federation;

std::vector<std::string> WithPolicy(const std::string& policy,
                                    const std::string& threads = "2") {
  return {"model={name: sequential, buffers: " + policy +
              ", layers: [batch_norm, flatten, dense]}",
          "runtime.threads=" + threads,
          "client.batch_size=0",
          "federation.clients_per_round=12"};
}

// One full-batch step from mean 0 leaves 0.1 * the client's pixel mean, so
// the aggregate is known from the pixels alone.
TEST(BufferPolicy, AggregateIsTheWeightedMeanOfTheClients) {
  Federation federation(WithPolicy("aggregate"));
  const RoundReport report = federation.rounds.Run(1, &federation.model);
  const data::Dataset& train = federation.world.corpus.train;
  double expected = 0.0;
  for (const ClientRecord& record : report.clients) {
    double mean = 0.0;
    const auto indices = federation.world.client_sets.train.Of(record.client);
    for (const std::int64_t index : indices) {
      for (std::size_t j = 0; j < 36; ++j) {
        mean += (train.bytes[static_cast<std::size_t>(index) * 36 + j] *
                     static_cast<double>(train.scale) -
                 train.mean[0]) /
                train.std[0];
      }
    }
    mean /= static_cast<double>(indices.size()) * 36.0;
    expected += record.weight * 0.1 * mean;
  }
  EXPECT_NEAR(federation.model.buffers[0], expected, 1e-6);
  EXPECT_EQ(federation.model.counters[0], 1);
}

TEST(BufferPolicy, KeepServerNeverMoves) {
  Federation federation(WithPolicy("keep_server"));
  for (int round = 1; round <= 3; ++round) {
    federation.rounds.Run(round, &federation.model);
  }
  EXPECT_EQ(federation.model.buffers, (std::vector<double>{0.0, 1.0}));
  EXPECT_EQ(federation.model.counters[0], 0);
}

TEST(BufferPolicy, BatchStatsNeverMoves) {
  Federation federation(WithPolicy("batch_stats"));
  federation.rounds.Run(1, &federation.model);
  EXPECT_EQ(federation.model.buffers, (std::vector<double>{0.0, 1.0}));
}

// Each client continues from its own statistics: after two identical rounds
// the running mean is (1 - 0.9^2) times its pixel mean, not the federation's.
TEST(BufferPolicy, LocalKeepsEachClientsStatistics) {
  Federation federation(WithPolicy("local"));
  federation.rounds.Run(1, &federation.model);
  std::vector<float> first;
  ASSERT_TRUE(federation.store.Read("buffers", 3, &first));
  federation.rounds.Run(2, &federation.model);
  std::vector<float> second;
  ASSERT_TRUE(federation.store.Read("buffers", 3, &second));
  EXPECT_NEAR(second[0] / first[0], 1.9, 1e-4);
}

TEST(BufferPolicy, OneWorkerAndManyGiveTheSameBits) {
  for (const std::string policy : {"aggregate", "local"}) {
    Federation one(WithPolicy(policy, "1"));
    Federation many(WithPolicy(policy, "4"));
    for (int round = 1; round <= 3; ++round) {
      one.rounds.Run(round, &one.model);
      many.rounds.Run(round, &many.model);
    }
    EXPECT_EQ(one.model.Hash(), many.model.Hash());
  }
}

TEST(BufferPolicy, AServerOptimiserTouchesParametersOnly) {
  auto overrides = WithPolicy("aggregate");
  Federation plain(overrides);
  overrides.push_back("server.optimizer={name: adam, lr: 0.1}");
  Federation adam(overrides);
  plain.rounds.Run(1, &plain.model);
  adam.rounds.Run(1, &adam.model);
  EXPECT_EQ(plain.model.buffers, adam.model.buffers);
  EXPECT_NE(plain.model.parameters, adam.model.parameters);
}

}  // namespace
}  // namespace fedtorch::round
