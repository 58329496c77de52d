#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <thread>

namespace fedtorch::scenarios {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;
namespace fs = std::filesystem;

// Sweeps of the tiny config with the words of a test.
class SweepTest : public ::testing::Test {
 protected:
  std::vector<std::string> Words(const std::string& name,
                                 std::vector<std::string> more) const {
    std::vector<std::string> words{
        "sweep", "-c", config_, "--dir", Dir(name).string(), "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  fs::path Dir(const std::string& name) const { return scratch_.path() / name; }
  std::string Results(const std::string& name) const {
    return ReadFile(Dir(name) / "results.csv");
  }
  std::string ReportOf(const std::string& name) const {
    const Ended ended =
        Fedrun({"report", Dir(name).string(), "--no-provenance"});
    EXPECT_EQ(ended.code, 0) << ended.errors;
    return ReadFile(Dir(name) / "report.html");
  }
  // Returns the trials whose status says `state`, with the time of a file.
  std::map<std::string, fs::file_time_type> Trials(
      const std::string& name,
      const std::string& state,
      const std::string& file = "summary.json") const {
    std::map<std::string, fs::file_time_type> found;
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(Dir(name) / "trials", error)) {
      const Json status =
          Json::parse(ReadFile(entry.path() / "status.json"), nullptr, false);
      if (!status.is_object() || status.value("state", "") != state) continue;
      found[entry.path().filename().string()] =
          fs::last_write_time(entry.path() / file, error);
    }
    return found;
  }
  static void WaitUntil(const std::function<bool()>& is_so) {
    for (int i = 0; i < 6000; ++i) {
      if (is_so()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "waited for a minute";
  }

  const Scratch scratch_;
  const std::string config_ = scratch_.Write("tiny.yaml", kTiny);
};

// Long enough that a kill meets some trials done, some running, some not begun.
const std::vector<std::string> kLong{"server.aggregator.name=mean,median",
                                     "--seeds",
                                     "4",
                                     "federation.rounds=400",
                                     "eval.every=40",
                                     "checkpoint.every=50",
                                     "-j",
                                     "2"};

TEST_F(SweepTest, RunsEveryTrialOnceAndThenSkipsThem) {
  const std::vector<std::string> words{
      "server.aggregator.name=mean,median", "--seeds", "2", "--format", "json"};
  const Ended first = Fedrun(Words("s", words));
  ASSERT_EQ(first.code, 0) << first.errors;
  EXPECT_EQ(Json::parse(first.output).at("done"), 4);
  const auto before = Trials("s", "done");
  ASSERT_EQ(before.size(), 4u);
  const std::string results = Results("s");
  EXPECT_EQ(std::count(results.begin(), results.end(), '\n'), 5);
  const Ended second = Fedrun(Words("s", words));
  EXPECT_EQ(second.code, 0) << second.errors;
  EXPECT_EQ(Json::parse(second.output).at("skipped"), 4);
  EXPECT_EQ(Trials("s", "done"), before);
  EXPECT_EQ(Results("s"), results);
}

TEST_F(SweepTest, ATrialHasTheBitsOfARunOfItsConfig) {
  ASSERT_EQ(Fedrun(Words("s", {"algorithm=fedavg,scaffold", "-j", "2"})).code,
            0);
  const Json sweep = Json::parse(ReadFile(Dir("s") / "sweep.json"));
  const std::string id = sweep.at("trials").at(1).at("id");
  EXPECT_EQ(
      sweep.at("trials").at(1).at("hash").get<std::string>().substr(0, 16), id);
  const fs::path out = scratch_.path() / "runs";
  ASSERT_EQ(Fedrun({"-c",
                    config_,
                    "-q",
                    "-o",
                    out.string(),
                    "algorithm=scaffold",
                    "runtime.threads=3"})
                .code,
            0);
  const fs::path trial = Dir("s") / "trials" / id;
  const fs::path run = OnlyRun(out);
  EXPECT_EQ(ReadFile(trial / "metrics.jsonl"), ReadFile(run / "metrics.jsonl"));
  EXPECT_EQ(ReadFile(trial / "model.npz"), ReadFile(run / "model.npz"));
  EXPECT_EQ(Json::parse(ReadFile(run / "manifest.json")).at("config_hash"),
            sweep.at("trials").at(1).at("hash"));
}

TEST_F(SweepTest, KilledHalfWayItEndsInTheSameBytes) {
  ASSERT_EQ(Fedrun(Words("whole", kLong)).code, 0);
  Program program(Words("killed", kLong));
  WaitUntil([&] { return Trials("killed", "done").size() >= 2; });
  program.Signal(SIGKILL);
  EXPECT_EQ(program.Wait().code, 128 + SIGKILL);
  const auto done = Trials("killed", "done");
  ASSERT_LT(done.size(), 8u) << "all trials had ended before the kill";
  // What has not finished is shown as missing.
  EXPECT_THAT(ReportOf("killed"), HasSubstr(" of 8</b>trials finished"));

  const Ended last = Fedrun(Words("killed", kLong));
  ASSERT_EQ(last.code, 0) << last.errors;
  const auto all = Trials("killed", "done");
  EXPECT_EQ(all.size(), 8u);
  for (const auto& [id, time] : done) {
    EXPECT_EQ(all.at(id), time) << id << " was run twice";
  }
  EXPECT_EQ(Results("killed"), Results("whole"));
  EXPECT_EQ(ReportOf("killed"), ReportOf("whole"));
  for (const auto& picture : fs::directory_iterator(Dir("whole") / "report")) {
    EXPECT_EQ(ReadFile(Dir("killed") / "report" / picture.path().filename()),
              ReadFile(picture.path()))
        << picture.path();
  }
}

TEST_F(SweepTest, InterruptedItCheckpointsAndGoesOn) {
  ASSERT_EQ(Fedrun(Words("whole", kLong)).code, 0);
  Program program(Words("stopped", kLong));
  WaitUntil([&] { return !Trials("stopped", "done").empty(); });
  program.Signal(SIGINT);
  const Ended ended = program.Wait();
  EXPECT_EQ(ended.code, 130);
  EXPECT_THAT(ended.errors, HasSubstr("start the same command again"));
  EXPECT_TRUE(Trials("stopped", "running").empty());
  EXPECT_TRUE(Trials("stopped", "failed").empty());
  ASSERT_EQ(Fedrun(Words("stopped", kLong)).code, 0);
  EXPECT_EQ(Results("stopped"), Results("whole"));
}

TEST_F(SweepTest, TerminationAsksForARetry) {
  Program program(Words("s", kLong));
  WaitUntil([&] { return !Trials("s", "running").empty(); });
  program.Signal(SIGTERM);
  EXPECT_EQ(program.Wait().code, 75);
}

TEST_F(SweepTest, ShardsCompleteEachOther) {
  std::vector<std::string> words{
      "server.aggregator.name=mean,median", "--seeds", "3"};
  ASSERT_EQ(Fedrun(Words("whole", words)).code, 0);
  words.insert(words.end(), {"--shard", "0/2"});
  ASSERT_EQ(Fedrun(Words("parts", words)).code, 0);
  EXPECT_EQ(Trials("parts", "done").size(), 3u);
  EXPECT_NE(Results("parts"), Results("whole"));
  words.back() = "1/2";
  ASSERT_EQ(Fedrun(Words("parts", words)).code, 0);
  EXPECT_EQ(Results("parts"), Results("whole"));
}

TEST_F(SweepTest, TwoProcessesShareIt) {
  Program one(Words("s", kLong));
  Program two(Words("s", kLong));
  EXPECT_EQ(one.Wait().code, 0);
  EXPECT_EQ(two.Wait().code, 0);
  EXPECT_EQ(Trials("s", "done").size(), 8u);
  for (const auto& [id, time] : Trials("s", "done")) {
    const Json manifest =
        Json::parse(ReadFile(Dir("s") / "trials" / id / "manifest.json"));
    EXPECT_TRUE(manifest.at("run").at("resumed").empty()) << id;
  }
}

TEST_F(SweepTest, FailuresAreListedAndTheOthersStand) {
  const std::vector<std::string> words{
      "client.optimizer.lr=0.05,1e30",
      "server.fail_on_nonfinite=true",
      "data.dataset={name: npz, path: nowhere.npz},{name: synthetic_images, "
      "shape: [1, 6, 6], classes: 4, train_samples: 400, test_samples: 100}",
      "--format",
      "json"};
  const Ended first = Fedrun(Words("s", words));
  EXPECT_EQ(first.code, 5) << first.errors;
  EXPECT_THAT(first.errors,
              AllOf(HasSubstr("3 trials failed"),
                    HasSubstr("nowhere.npz"),
                    HasSubstr("diverged: "),
                    HasSubstr("client.optimizer.lr=1e30"),
                    HasSubstr("--retry-failed")));
  const Json json = Json::parse(first.output);
  EXPECT_EQ(json.at("done"), 1);
  EXPECT_EQ(json.at("failed").size(), 3u);
  EXPECT_THAT(Results("s"),
              AllOf(HasSubstr(",failed,"), HasSubstr(",diverged,")));

  // They have ended: another start only lists them.
  const auto before = Trials("s", "diverged", "status.json");
  const Ended second = Fedrun(Words("s", words));
  EXPECT_EQ(second.code, 5);
  EXPECT_EQ(Json::parse(second.output).at("skipped"), 4);
  EXPECT_EQ(Trials("s", "diverged", "status.json"), before);

  std::vector<std::string> again = words;
  again.push_back("--retry-failed");
  const Ended third = Fedrun(Words("s", again));
  EXPECT_EQ(third.code, 5);
  EXPECT_EQ(Json::parse(third.output).at("skipped"), 1);
  EXPECT_NE(Trials("s", "diverged", "status.json"), before);
  EXPECT_THAT(ReportOf("s"), HasSubstr("Trials without a result"));
}

TEST_F(SweepTest, GrowsButDoesNotChange) {
  ASSERT_EQ(Fedrun(Words("s", {"client.optimizer.lr=0.1,0.2"})).code, 0);
  const Ended changed = Fedrun(Words("s", {"client.optimizer.lr=0.1,0.3"}));
  EXPECT_EQ(changed.code, 2);
  EXPECT_THAT(changed.errors,
              AllOf(HasSubstr("a sweep may grow, not change"),
                    HasSubstr("client.optimizer.lr=0.2")));
  const Ended grown = Fedrun(
      Words("s", {"client.optimizer.lr=0.1,0.2,0.3", "--format", "json"}));
  EXPECT_EQ(grown.code, 0) << grown.errors;
  EXPECT_EQ(Json::parse(grown.output).at("skipped"), 2);
  EXPECT_EQ(Json::parse(grown.output).at("done"), 3);
}

TEST_F(SweepTest, ASectionIsForSweepOnly) {
  const std::string config = scratch_.Write(
      "sweep.yaml",
      std::string(kTiny) + "sweep: {grid: {federation.rounds: [1, 2]}}\n");
  const Ended run = Fedrun({"run", "-c", config});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.errors, HasSubstr("use fedrun sweep"));
  const Ended valid = Fedrun({"validate", "-c", config});
  EXPECT_EQ(valid.code, 0) << valid.errors;
  EXPECT_THAT(valid.output, HasSubstr("a sweep of 2 trials"));
  const Ended invalid =
      Fedrun({"validate", "-c", config, "sweep.grid.seed=[-1]"});
  EXPECT_EQ(invalid.code, 2);
  EXPECT_THAT(invalid.errors, HasSubstr("seed: expected an integer >= 0"));
  const Ended printed = Fedrun({"run", "-c", config, "--print-config"});
  ASSERT_EQ(printed.code, 0) << printed.errors;
  // What is printed describes the same sweep.
  const std::string again = scratch_.Write("again.yaml", printed.output);
  EXPECT_EQ(Fedrun({"run", "-c", again, "--print-config"}).output,
            printed.output);
  const Ended listed = Fedrun({"sweep", "-c", again, "--dry-run"});
  EXPECT_THAT(listed.output, HasSubstr("2 trials; nothing was run"));
  EXPECT_FALSE(fs::exists("runs/tiny-sweep"));
}

TEST_F(SweepTest, ReportRefusesWhatItCannotShow) {
  EXPECT_EQ(Fedrun({"report", scratch_.path().string()}).code, 2);
  ASSERT_EQ(Fedrun(Words("s", {"seed=1,2"})).code, 0);
  const Ended ended =
      Fedrun({"report", Dir("s").string(), "--metric", "test/acuracy"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("did you mean 'test/accuracy'?"));
}

}  // namespace
}  // namespace fedtorch::scenarios
