#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <string_view>
#include <thread>

namespace fedtorch::scenarios {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
namespace fs = std::filesystem;

// Long enough to be interrupted, short enough to be repeated.
std::vector<std::string> LongRun(const Scratch& scratch,
                                 const std::string& output) {
  return {"-c",
          scratch.Write("tiny.yaml", kTiny),
          "federation.rounds=1500",
          "eval.every=50",
          "checkpoint.every=25",
          "algorithm=scaffold",
          "-q",
          "-o",
          (scratch.path() / output).string()};
}

// Tells whether some file `name` below `output` has grown beyond `bytes`.
// Folders come and go meanwhile, so every error means "not yet".
bool HasGrown(const fs::path& output,
              std::string_view name,
              std::size_t bytes) {
  std::error_code error;
  fs::recursive_directory_iterator entry(output, error);
  while (!error && entry != fs::recursive_directory_iterator()) {
    if (entry->path().filename() == name) {
      const auto size = fs::file_size(entry->path(), error);
      if (!error && size > bytes) return true;
    }
    entry.increment(error);
  }
  return false;
}

// Waits until the run has done some rounds.
void WaitForRounds(const fs::path& output, std::size_t bytes) {
  for (int i = 0; i < 3000; ++i) {
    if (HasGrown(output, "metrics.jsonl", bytes)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "the run did not start";
}

TEST(Interruption, KilledThreeTimesAndResumedEndsInTheSameBytes) {
  const Scratch scratch;
  ASSERT_EQ(Fedrun(LongRun(scratch, "whole")).code, 0);
  const fs::path whole = OnlyRun(scratch.path() / "whole");

  const fs::path output = scratch.path() / "killed";
  std::vector<std::string> arguments = LongRun(scratch, "killed");
  int kills = 0;
  for (const std::size_t bytes : {100u, 60000u, 150000u}) {
    Program program(arguments);
    WaitForRounds(output, bytes);
    program.Signal(SIGKILL);
    if (program.Wait().code == 128 + SIGKILL) ++kills;
    if (kills == 1) arguments.insert(arguments.end(), {"--resume", "auto"});
  }
  EXPECT_EQ(kills, 3);
  const Ended last = Fedrun(arguments);
  ASSERT_EQ(last.code, 0) << last.errors;
  const fs::path killed = OnlyRun(output);
  EXPECT_TRUE(ReadFile(whole / "metrics.jsonl") ==
              ReadFile(killed / "metrics.jsonl"));
  EXPECT_TRUE(ReadFile(whole / "model.npz") == ReadFile(killed / "model.npz"));
  EXPECT_TRUE(ReadFile(whole / "summary.json") ==
              ReadFile(killed / "summary.json"));
  const Json manifest = Json::parse(ReadFile(killed / "manifest.json"));
  EXPECT_EQ(manifest.at("run").at("resumed").size(), 3u);
}

TEST(Interruption, FirstInterruptCheckpointsAndPrintsHowToContinue) {
  const Scratch scratch;
  Program program(LongRun(scratch, "runs"));
  WaitForRounds(scratch.path() / "runs", 5000);
  program.Signal(SIGINT);
  const Ended ended = program.Wait();
  EXPECT_EQ(ended.code, 130);
  const fs::path run = OnlyRun(scratch.path() / "runs");
  EXPECT_THAT(ended.errors, HasSubstr("fedrun resume " + run.string()));
  EXPECT_EQ(Json::parse(ReadFile(run / "status.json")).at("state"),
            "preempted");
  EXPECT_TRUE(fs::exists(run / "checkpoints" / "latest"));
  const Ended resumed = Fedrun({"resume", run.string(), "-q"});
  EXPECT_EQ(resumed.code, 0) << resumed.errors;
  EXPECT_EQ(Json::parse(ReadFile(run / "status.json")).at("state"), "done");
}

TEST(Interruption, TerminationAsksForARetry) {
  const Scratch scratch;
  Program program(LongRun(scratch, "runs"));
  WaitForRounds(scratch.path() / "runs", 5000);
  program.Signal(SIGTERM);
  EXPECT_EQ(program.Wait().code, 75);
}

// The status says "running" from the folder's first moment, so a signal must
// be heeded from there on.
TEST(Interruption, TerminationInTheFirstMomentIsRecorded) {
  for (int i = 0; i < 5; ++i) {
    const Scratch scratch;
    const fs::path output = scratch.path() / "runs";
    Program program(LongRun(scratch, "runs"));
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!HasGrown(output, "status.json", 0)) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "no run was started";
    }
    program.Signal(SIGTERM);
    ASSERT_EQ(program.Wait().code, 75);
    EXPECT_EQ(
        Json::parse(ReadFile(OnlyRun(output) / "status.json")).at("state"),
        "preempted");
  }
}

TEST(Interruption, ResumeAddsRoundsToAFinishedRun) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const fs::path out = scratch.path() / "runs";
  ASSERT_EQ(Fedrun({"-c", config, "-q", "-o", out.string()}).code, 0);
  const fs::path run = OnlyRun(out);
  const Ended more =
      Fedrun({"resume", run.string(), "--rounds", "8", "--format", "json"});
  ASSERT_EQ(more.code, 0) << more.errors;
  EXPECT_EQ(Json::parse(more.output).at("rounds"), 8);
  // As if it had been asked for eight rounds at once.
  const fs::path other = scratch.path() / "other";
  ASSERT_EQ(
      Fedrun({"-c", config, "-q", "-o", other.string(), "federation.rounds=8"})
          .code,
      0);
  EXPECT_TRUE(ReadFile(run / "metrics.jsonl") ==
              ReadFile(OnlyRun(other) / "metrics.jsonl"));
}

TEST(Interruption, ResumeRefusesWhatIsNoRun) {
  const Scratch scratch;
  const Ended ended = Fedrun({"resume", scratch.path().string()});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("no run directory"));
}

}  // namespace
}  // namespace fedtorch::scenarios
