#include "fedtorch/study/sweep_results.h"

#include "fedtorch/record/status.h"
#include "fedtorch/study/sweep.h"
#include "tests/study/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::study {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

FrozenSweep TwoByTwo() {
  FrozenSweep sweep{"s", {"server.aggregator", "seed"}, {}};
  for (const char* rule : {"mean", "{name: x, a: 1}"}) {
    for (const char* seed : {"0", "1"}) {
      const std::string id = "t" + std::to_string(sweep.trials.size());
      sweep.trials.push_back({id, id, 0, {rule, seed}, "{}"});
    }
  }
  return sweep;
}

void Finish(const Folder& folder,
            const std::string& id,
            record::RunState state,
            const std::string& summary) {
  folder.Write("trials/" + id + "/status.json",
               record::StatusJson({.state = state, .message = "a, \"b\""}));
  folder.Write("trials/" + id + "/summary.json", summary);
}

TEST(ResultsCsv, HasARowForEveryTrialAndAllNumbers) {
  const Folder folder;
  Finish(folder,
         "t0",
         record::RunState::kDone,
         R"({"rounds": 5, "test/accuracy/last": 0.5, "model_sha256": "ab"})");
  Finish(folder,
         "t1",
         record::RunState::kDone,
         R"({"rounds": 5, "test/accuracy/last": 0.7, "z": null})");
  Finish(folder, "t2", record::RunState::kDiverged, R"({"rounds": 1})");
  const FrozenSweep sweep = TwoByTwo();
  const auto results = ReadResults(folder.path(), sweep);
  EXPECT_EQ(ResultsCsv(sweep, results),
            "trial,id,server.aggregator,seed,state,reason,rounds,"
            "test/accuracy/last\n"
            "0,t0,mean,0,done,,5,0.5\n"
            "1,t1,mean,1,done,,5,0.7\n"
            "2,t2,\"{name: x, a: 1}\",0,diverged,\"a, \"\"b\"\"\",,\n"
            "3,t3,\"{name: x, a: 1}\",1,missing,,,\n");
  const std::string table = SweepTable(sweep, results);
  EXPECT_THAT(table, StartsWith("server.aggregator  done  test/accuracy/last"));
  // Mean 0.6; deviation sqrt(2 * 0.1^2) = 0.1414.
  EXPECT_THAT(table,
              HasSubstr("mean               2/2   0.6000              "
                        "0.1414\n"));
  EXPECT_THAT(table, HasSubstr("x(a=1)             0/2   -"));
}

TEST(ReadResults, ADamagedSummaryIsAFailure) {
  const Folder folder;
  Finish(folder, "t0", record::RunState::kDone, "{");
  EXPECT_EQ(ReadResults(folder.path(), TwoByTwo()).front().status.state,
            TrialState::kFailed);
}

TEST(ReadTrialStatus, ARunThatWasStoppedOrKilledCanGoOn) {
  const Folder folder;
  for (const auto state :
       {record::RunState::kRunning, record::RunState::kPreempted}) {
    Finish(folder, "t0", state, "{}");
    EXPECT_EQ(ReadTrialStatus(folder.path() / "trials/t0").state,
              TrialState::kMissing);
  }
}

TEST(GroupBySetting, JoinsSeeds) {
  const auto cells = GroupBySetting(TwoByTwo());
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].values, std::vector<std::string>{"mean"});
  EXPECT_EQ(cells[1].trials, (std::vector<std::size_t>{2, 3}));
}

TEST(ParseShard, ReadsIOfN) {
  EXPECT_EQ(ParseShard("1/3").index, 1u);
  EXPECT_EQ(ParseShard("1/3").count, 3u);
  for (const char* text : {"3/3", "-1/2", "1", "a/b", "1/0", ""}) {
    EXPECT_THROW(ParseShard(text), core::ConfigError) << text;
  }
}

TEST(ChooseJobs, SharesTheCores) {
  const auto choose = [](auto... arguments) {
    const Jobs jobs = ChooseJobs(arguments...);
    return std::pair(jobs.jobs, jobs.threads);
  };
  const std::optional<std::int64_t> none;
  using Pair = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(choose(none, none, 100u, 8), Pair(8, 1));
  EXPECT_EQ(choose(none, none, 2u, 8), Pair(2, 4));
  EXPECT_EQ(choose(std::optional<std::int64_t>(2), none, 100u, 8), Pair(2, 4));
  EXPECT_EQ(choose(none, std::optional<std::int64_t>(4), 100u, 8), Pair(2, 4));
  EXPECT_EQ(choose(std::optional<std::int64_t>(16), none, 100u, 8),
            Pair(16, 1));
  EXPECT_EQ(choose(none, std::optional<std::int64_t>(64), 3u, 8), Pair(1, 64));
}

}  // namespace
}  // namespace fedtorch::study
