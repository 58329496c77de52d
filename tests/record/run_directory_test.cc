#include "fedtorch/record/run_directory.h"

#include "tests/record/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace fedtorch::record {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

RunOptions Options(const std::filesystem::path& output_dir) {
  return {.output_dir = output_dir,
          .name = "exp",
          .config_hash = "0123456789abcdef",
          .seed = 3,
          .start = 1234567890,
          .resolved_config = "name: exp\n",
          .overrides = {},
          .config_files = {}};
}

std::vector<std::string> Names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

core::JsonLine RoundLine(std::int64_t round) {
  return std::move(core::JsonLine().Add("round", round));
}

TEST(RunDirectory, CanBeMadeInAFolderOfItsOwnName) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "trials/0123";
  {
    const RunDirectory run =
        RunDirectory::CreateAt(path, Options(folder / "runs"));
    EXPECT_EQ(run.run_id(), "0123");
    EXPECT_EQ(ReadFile(path / "config.yaml"), "name: exp\n");
    EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
    EXPECT_THROW(RunDirectory::CreateAt(path, Options(folder / "runs")),
                 core::RunError);
  }
  // What was cut short while it was made is made again.
  std::filesystem::remove(path / "status.json");
  RunDirectory::CreateAt(path, Options(folder / "runs"));
  EXPECT_EQ(ReadStatus(path / "status.json").state, RunState::kRunning);
}

TEST(RunDirectory, HoldsWhatTheUserGave) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "a");
  std::filesystem::create_directory(folder / "b");
  WriteFile(folder / "a/x.yaml", "seed: 1\n");
  WriteFile(folder / "b/x.yaml", "seed: 2\n");
  RunOptions options = Options(folder / "runs");
  options.overrides = {"seed=3", "data.partition.alpha=0.1"};
  options.config_files = {folder / "a/x.yaml", folder / "b/x.yaml"};
  const RunDirectory run = RunDirectory::Create(options);
  EXPECT_EQ(run.path(), folder / "runs/exp/20090213T233130-01234567-s3");
  EXPECT_EQ(run.run_id(), "20090213T233130-01234567-s3");
  EXPECT_THAT(Names(run.path()),
              ElementsAre("checkpoints",
                          "config.src",
                          "config.yaml",
                          "overrides.txt",
                          "status.json"));
  EXPECT_EQ(ReadFile(run.config()), "name: exp\n");
  EXPECT_EQ(ReadFile(run.path() / "overrides.txt"),
            "seed=3\ndata.partition.alpha=0.1\n");
  EXPECT_EQ(ReadFile(run.path() / "config.src/1-x.yaml"), "seed: 1\n");
  EXPECT_EQ(ReadFile(run.path() / "config.src/2-x.yaml"), "seed: 2\n");
  const Status status = ReadStatus(run.status());
  EXPECT_EQ(status.state, RunState::kRunning);
  EXPECT_EQ(status.process, ::getpid());
}

TEST(RunDirectory, NumbersTheRunsOfOneSecond) {
  const TemporaryFolder folder;
  const RunDirectory first = RunDirectory::Create(Options(folder.path()));
  const RunDirectory second = RunDirectory::Create(Options(folder.path()));
  const RunDirectory third = RunDirectory::Create(Options(folder.path()));
  EXPECT_EQ(second.run_id(), first.run_id() + "-2");
  EXPECT_EQ(third.run_id(), first.run_id() + "-3");
}

TEST(RunDirectory, NamesTheKeyWhenItCannotBeWrittenTo) {
  const TemporaryFolder folder;
  WriteFile(folder / "file", "");
  EXPECT_THAT(
      RunErrorOf([&] { RunDirectory::Create(Options(folder / "file")); }),
      AllOf(StartsWith("output.dir: "),
            HasSubstr("file/exp: cannot be "),
            HasSubstr("Not a directory; ")));
  EXPECT_THAT(RunErrorOf([&] { RunDirectory::Create(Options("/proc/runs")); }),
              AllOf(StartsWith("output.dir: "), HasSubstr("/proc/runs")));
}

TEST(RunDirectory, NamesAConfigFileThatIsGone) {
  const TemporaryFolder folder;
  RunOptions options = Options(folder.path());
  options.config_files = {folder / "gone.yaml"};
  EXPECT_THAT(RunErrorOf([&] { RunDirectory::Create(options); }),
              HasSubstr("gone.yaml: cannot be read: No such file"));
}

TEST(RunDirectory, RecordsLinesRowsAndSummary) {
  const TemporaryFolder folder;
  RunDirectory run = RunDirectory::Create(Options(folder.path()));
  run.AppendMetrics(core::JsonLine().Add("event", "round").Add("round", 1));
  run.AppendTiming(core::JsonLine().Add("round", 1).Add("train_s", 0.5));
  const std::vector<std::string> names{"loss"};
  const std::vector<ClientRow> rows{{.client = 4,
                                     .round = 1,
                                     .hierarchy = "",
                                     .samples = 9,
                                     .set = "test",
                                     .metrics = {0.25}}};
  run.AppendClients(names, rows);
  run.AppendClients(names, rows);
  run.WriteSummary(core::JsonLine().Add("test/accuracy/last", 0.5));
  run.WriteManifest("{}\n");
  run.WritePartition("{}\n");
  run.SetStatus(RunState::kDone, 1, "all well");
  run.Sync();
  EXPECT_EQ(ReadFile(run.metrics()), "{\"event\":\"round\",\"round\":1}\n");
  EXPECT_EQ(ReadFile(run.timing()), "{\"round\":1,\"train_s\":0.5}\n");
  EXPECT_EQ(ReadFile(run.clients()),
            "client_id,round_number,hierarchy,num_samples,set,loss\n"
            "4,1,,9,test,0.25\n4,1,,9,test,0.25\n");
  EXPECT_EQ(ReadFile(run.summary()), "{\n  \"test/accuracy/last\": 0.5\n}\n");
  const Status status = ReadStatus(run.status());
  EXPECT_EQ(status.state, RunState::kDone);
  EXPECT_EQ(status.round, 1);
  EXPECT_EQ(status.message, "all well");
}

TEST(RunDirectory, RefusesOtherColumnsInTheSameTable) {
  const TemporaryFolder folder;
  RunDirectory run = RunDirectory::Create(Options(folder.path()));
  run.AppendClients(std::vector<std::string>{"loss"}, {});
  EXPECT_THAT(RunErrorOf([&] {
                run.AppendClients(std::vector<std::string>{"accuracy"}, {});
              }),
              AllOf(HasSubstr("clients.csv:1: expected the columns "),
                    HasSubstr("set,accuracy, found "),
                    HasSubstr("set,loss")));
  const std::vector<ClientRow> rows(1);
  EXPECT_THROW(run.AppendClients(std::vector<std::string>{"loss"}, rows),
               core::Bug);
}

TEST(RunDirectory, ContinuesAsIfItHadNeverBeenKilled) {
  const TemporaryFolder folder;
  const std::vector<std::string> names{"loss"};
  const auto append = [&](RunDirectory& run, std::int64_t round) {
    run.AppendMetrics(RoundLine(round));
    run.AppendTiming(RoundLine(round));
    run.AppendClients(names,
                      std::vector<ClientRow>{{.client = round,
                                              .round = round,
                                              .hierarchy = "",
                                              .samples = 1,
                                              .set = "train",
                                              .metrics = {1.0}}});
  };
  RunOptions options = Options(folder.path());
  options.name = "whole";
  RunDirectory whole = RunDirectory::Create(options);
  for (std::int64_t round = 1; round <= 5; ++round) append(whole, round);

  std::filesystem::path path;
  {
    RunDirectory killed = RunDirectory::Create(Options(folder.path()));
    for (std::int64_t round = 1; round <= 4; ++round) append(killed, round);
    path = killed.path();
    WriteFile(killed.metrics(), ReadFile(killed.metrics()) + "{\"round\":5,");
    WriteFile(killed.clients(), ReadFile(killed.clients()) + "5,5,,");
  }
  RunDirectory resumed = RunDirectory::Open(path);
  resumed.CutBackTo(3);
  append(resumed, 4);
  append(resumed, 5);
  EXPECT_EQ(ReadFile(resumed.metrics()), ReadFile(whole.metrics()));
  EXPECT_EQ(ReadFile(resumed.timing()), ReadFile(whole.timing()));
  EXPECT_EQ(ReadFile(resumed.clients()), ReadFile(whole.clients()));
  EXPECT_THROW(resumed.CutBackTo(4), core::Bug);
}

TEST(RunDirectory, RefusesARecordThatEndsBeforeTheCheckpoint) {
  const TemporaryFolder folder;
  RunDirectory run = RunDirectory::Create(Options(folder.path()));
  run.AppendMetrics(RoundLine(1));
  std::filesystem::path path = run.path();
  run = RunDirectory::Create(Options(folder.path()));
  RunDirectory opened = RunDirectory::Open(path);
  EXPECT_THAT(RunErrorOf([&] { opened.CutBackTo(2); }),
              HasSubstr("metrics.jsonl: ends before round 2, the round of the "
                        "checkpoint: the last line is of round 1"));
  opened.CutBackTo(1);
}

TEST(RunDirectory, OpensOnlyFoldersOfRuns) {
  const TemporaryFolder folder;
  EXPECT_THAT(RunErrorOf([&] { RunDirectory::Open(folder.path()); }),
              HasSubstr(": is not the folder of a run"));
  EXPECT_THAT(RunErrorOf([&] { RunDirectory::Open(folder / "none"); }),
              HasSubstr(": is not the folder of a run"));
}

TEST(RunDirectory, KeepsAnotherProcessOut) {
  const TemporaryFolder folder;
  const RunDirectory run = RunDirectory::Create(Options(folder.path()));
  const std::filesystem::path report = folder / "report";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    WriteFile(report, RunErrorOf([&] { RunDirectory::Open(run.path()); }));
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_THAT(ReadFile(report),
              HasSubstr(": another process is writing to this run"));
}

TEST(FindUnfinishedRun, TakesTheNewestThatIsNotDone) {
  const TemporaryFolder folder;
  const auto find = [&](std::uint64_t seed) {
    return FindUnfinishedRun(folder.path(), "exp", "0123456789abcdef", seed);
  };
  EXPECT_EQ(find(3), std::nullopt);
  RunOptions options = Options(folder.path());
  std::vector<std::filesystem::path> paths;
  // Eleven runs of one second: "-10" and "-11" come after "-9".
  for (int i = 0; i < 11; ++i) {
    paths.push_back(RunDirectory::Create(options).path());
  }
  EXPECT_EQ(find(3), paths[10]);
  options.start -= 100;
  RunDirectory::Create(options);
  EXPECT_EQ(find(3), paths[10]);
  RunDirectory::Open(paths[10]).SetStatus(RunState::kDone, 5);
  EXPECT_EQ(find(3), paths[9]);
  RunDirectory::Open(paths[9]).SetStatus(RunState::kPreempted, 5);
  EXPECT_EQ(find(3), paths[9]);
  EXPECT_EQ(find(33), std::nullopt);
  EXPECT_EQ(FindUnfinishedRun(folder.path(), "exp", "11111111", 3),
            std::nullopt);
  std::filesystem::remove(paths[9] / "status.json");
  EXPECT_EQ(find(3), paths[8]);
}

}  // namespace
}  // namespace fedtorch::record
