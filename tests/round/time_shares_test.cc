#include "fedtorch/round/time_shares.h"

#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

namespace fedtorch::round {
namespace {

std::vector<double> AllOf(const TimeShares& shares) {
  return {shares.select,
          shares.batches,
          shares.training,
          shares.hand_off,
          shares.exact_sum,
          shares.waiting,
          shares.aggregate,
          shares.server,
          shares.evaluate,
          shares.record};
}

double SumOf(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum;
}

// Two workers, 4 s of training stage, of which they are busy for 6 s; what one
// thread does alone keeps both.
TEST(TimeShares, DivideTheTimeOfAllWorkers) {
  RoundReport report;
  report.num_workers = 2;
  report.select_seconds = 0.5;
  report.train_seconds = 4.0;
  report.aggregate_seconds = 1.0;
  report.server_seconds = 0.5;
  report.worker_seconds = {
      .batches = 1.0, .steps = 3.0, .hand_off = 0.5, .exact_sum = 1.5};
  const TimeShares shares = SharesOf(report, 3.0, 1.0, 10.0);
  EXPECT_DOUBLE_EQ(shares.select, 0.05);
  EXPECT_DOUBLE_EQ(shares.batches, 0.05);
  EXPECT_DOUBLE_EQ(shares.training, 0.15);
  EXPECT_DOUBLE_EQ(shares.hand_off, 0.025);
  EXPECT_DOUBLE_EQ(shares.exact_sum, 0.075);
  EXPECT_DOUBLE_EQ(shares.aggregate, 0.1);
  EXPECT_DOUBLE_EQ(shares.server, 0.05);
  EXPECT_DOUBLE_EQ(shares.evaluate, 0.3);
  EXPECT_DOUBLE_EQ(shares.record, 0.1);
  EXPECT_DOUBLE_EQ(shares.waiting, 0.1);
}

TEST(TimeShares, OfARealRoundAddUp) {
  for (const std::string threads : {"1", "3"}) {
    support::Federation federation({"runtime.threads=" + threads});
    for (int round = 1; round <= 3; ++round) {
      const auto start = std::chrono::steady_clock::now();
      const RoundReport report =
          federation.rounds.Run(round, &federation.model);
      const std::chrono::duration<double> wall =
          std::chrono::steady_clock::now() - start;
      const std::vector<double> shares =
          AllOf(SharesOf(report, 0.0, 0.0, wall.count()));
      EXPECT_THAT(shares,
                  ::testing::Each(::testing::AllOf(::testing::Ge(0.0),
                                                   ::testing::Le(1.0))));
      EXPECT_NEAR(SumOf(shares), 1.0, 1e-9);
      // What the workers account for cannot exceed the time they had.
      const WorkerSeconds& busy = report.worker_seconds;
      EXPECT_GT(busy.batches, 0.0);
      EXPECT_GT(busy.steps, 0.0);
      EXPECT_GT(busy.hand_off, 0.0);
      EXPECT_GT(busy.exact_sum, 0.0);
      EXPECT_LE(busy.batches + busy.steps + busy.hand_off + busy.exact_sum,
                report.train_seconds * static_cast<double>(report.num_workers));
    }
  }
}

// A method that steps by full gradients trains no less.
TEST(TimeShares, CountFullGradientsAsTraining) {
  support::Federation federation({"algorithm=fedsgd"});
  const RoundReport report = federation.rounds.Run(1, &federation.model);
  EXPECT_GT(report.worker_seconds.steps, 0.0);
}

TEST(TimeShares, StandInTimingAndNotInMetrics) {
  const support::ScratchFolder folder;
  const RunResult run = support::RunSmall(folder.path(), {});
  std::istringstream lines(support::ReadFile(run.directory / "timing.jsonl"));
  std::string line;
  int rounds = 0;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line);
    std::vector<std::string> names;
    std::vector<double> shares;
    for (const auto& [name, value] : json.items()) {
      names.push_back(name);
      if (name.rfind("share_", 0) == 0) shares.push_back(value);
    }
    EXPECT_THAT(names,
                ::testing::UnorderedElementsAre("round",
                                                "wall_s",
                                                "select_s",
                                                "train_s",
                                                "attack_s",
                                                "aggregate_s",
                                                "server_s",
                                                "evaluate_s",
                                                "record_s",
                                                "share_select",
                                                "share_batches",
                                                "share_training",
                                                "share_hand_off",
                                                "share_exact_sum",
                                                "share_waiting",
                                                "share_aggregate",
                                                "share_server",
                                                "share_evaluate",
                                                "share_record",
                                                "client_steps_per_s",
                                                "resident_mb",
                                                "peak_mb"));
    EXPECT_NEAR(SumOf(shares), 1.0, 1e-9);
    ++rounds;
  }
  EXPECT_EQ(rounds, 5);
  EXPECT_THAT(support::ReadFile(run.directory / "metrics.jsonl"),
              ::testing::Not(::testing::HasSubstr("share_")));
}

}  // namespace
}  // namespace fedtorch::round
