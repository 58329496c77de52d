#include "fedtorch/core/errors.h"
#include "fedtorch/record/status.h"
#include "tests/support/experiments.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace fedtorch::round {
namespace {

namespace fs = std::filesystem;
using support::ReadFile;
using support::RunSmall;
using support::ScratchFolder;

class ResumeTest : public ::testing::TestWithParam<std::vector<std::string>> {};

// Leaves a run as it stood after round `round`: later checkpoints go, lines
// of later rounds stay, as after a kill.
void GoBack(const fs::path& run, int round) {
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("round-", 0) == 0 && std::stoi(name.substr(6)) > round) {
      fs::remove_all(entry.path());
    }
  }
  fs::remove(run / "model.npz");
  fs::remove(run / "summary.json");
}

TEST_P(ResumeTest, GivesTheBytesOfTheUninterruptedRun) {
  std::vector<std::string> overrides = GetParam();
  overrides.push_back("federation.rounds=6");
  overrides.push_back("checkpoint={every: 2, keep: 10}");
  overrides.push_back("model={name: mlp, hidden: [8], dropout: 0.2}");
  overrides.push_back("output.per_client=all");
  overrides.push_back("data.client_split={train: 0.8, test: 0.2}");
  overrides.push_back("eval.clients.every=1");
  const ScratchFolder folder;
  const RunResult whole = RunSmall(folder.path(), overrides);
  const auto state = [&whole] {
    return std::vector<std::string>{ReadFile(whole.directory / "metrics.jsonl"),
                                    ReadFile(whole.directory / "model.npz"),
                                    ReadFile(whole.directory / "clients.csv"),
                                    ReadFile(whole.directory / "summary.json")};
  };
  const auto expected = state();
  for (const int round : {4, 2, 0}) {
    GoBack(whole.directory, round);
    const RunResult again = RunSmall(folder.path(), overrides, whole.directory);
    EXPECT_EQ(again.directory, whole.directory);
    EXPECT_TRUE(state() == expected) << "resumed after round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryKindOfState,
    ResumeTest,
    ::testing::Values(
        std::vector<std::string>{"algorithm=fedavg"},
        std::vector<std::string>{"algorithm=scaffold",
                                 "runtime.state_memory_mb=0"},
        std::vector<std::string>{"algorithm={name: feddyn, alpha: 0.1}"},
        std::vector<std::string>{"server.optimizer={name: momentum, lr: 0.5}"},
        std::vector<std::string>{"server.optimizer={name: adagrad, lr: 0.01}"},
        std::vector<std::string>{"server.optimizer={name: adam, lr: 0.01}"},
        std::vector<std::string>{"server.optimizer={name: yogi, lr: 0.01}"}));

TEST(Resume, ContinuesARunThatWasKilledBeforeItsFirstCheckpoint) {
  const ScratchFolder folder;
  const RunResult whole = RunSmall(folder.path(), {});
  const std::string expected = ReadFile(whole.directory / "metrics.jsonl");
  fs::remove_all(whole.directory / "checkpoints");
  RunSmall(folder.path(), {}, whole.directory);
  EXPECT_EQ(ReadFile(whole.directory / "metrics.jsonl"), expected);
}

TEST(Resume, RefusesACheckpointOfAnotherConfig) {
  const ScratchFolder folder;
  const RunResult whole = RunSmall(folder.path(), {});
  EXPECT_THROW(RunSmall(folder.path(), {"seed=9"}, whole.directory),
               core::RunError);
}

// Tells whether a run below `folder` has recorded a round. Folders come and go
// meanwhile, so every error means "not yet".
bool HasRecordedARound(const fs::path& folder) {
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  while (!error && entry != fs::recursive_directory_iterator()) {
    if (entry->path().filename() == "timing.jsonl" &&
        fs::file_size(entry->path(), error) > 0 && !error) {
      return true;
    }
    entry.increment(error);
  }
  return false;
}

// SIGTERM finishes the round, writes a checkpoint and asks for a retry.
TEST(Resume, StopsInOrderOnASignalAndEndsEqual) {
  const ScratchFolder first;
  const ScratchFolder second;
  const std::vector<std::string> overrides{"federation.rounds=3000",
                                           "eval.every=3000"};
  const RunResult whole = RunSmall(first.path(), overrides);
  std::thread sender([&second] {
    for (int i = 0; i < 60000 && !HasRecordedARound(second.path()); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::raise(SIGTERM);
  });
  RunResult stopped;
  try {
    stopped = RunSmall(second.path(), overrides);
  } catch (...) {
    sender.join();
    throw;
  }
  sender.join();
  ASSERT_EQ(stopped.exit_code, 75) << "the run ended first";
  EXPECT_EQ(record::ReadStatus(stopped.directory / "status.json").state,
            record::RunState::kPreempted);
  RunSmall(second.path(), overrides, stopped.directory);
  EXPECT_TRUE(ReadFile(stopped.directory / "metrics.jsonl") ==
              ReadFile(whole.directory / "metrics.jsonl"));
  EXPECT_EQ(record::ReadStatus(stopped.directory / "status.json").state,
            record::RunState::kDone);
}

}  // namespace
}  // namespace fedtorch::round
