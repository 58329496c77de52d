#include "fedtorch/study/sweep_file.h"

#include "fedtorch/core/errors.h"
#include "tests/study/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::study {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A plan with one trial for each value of `seed`.
SweepPlan PlanOf(const std::vector<std::string>& seeds) {
  SweepPlan plan;
  plan.name = "s";
  plan.axes = {"seed"};
  for (const std::string& seed : seeds) {
    Trial trial;
    trial.hash = std::string(63, 'a') + seed;
    trial.hash.insert(0, seed);
    trial.hash.resize(64, '0');
    trial.values = {seed};
    trial.seed = std::stoul(seed);
    trial.config_json = R"({"seed": )" + seed + "}";
    plan.trials.push_back(trial);
  }
  return plan;
}

TEST(FreezeSweep, ReadsBackWhatWasWritten) {
  const Folder folder;
  EXPECT_EQ(FreezeSweep(PlanOf({"1", "2"}), folder.path()), 0u);
  const FrozenSweep sweep = ReadSweep(folder.path());
  ASSERT_EQ(sweep.trials.size(), 2u);
  EXPECT_EQ(sweep.name, "s");
  EXPECT_EQ(sweep.axes, std::vector<std::string>{"seed"});
  EXPECT_EQ(sweep.trials[1].values, std::vector<std::string>{"2"});
  EXPECT_EQ(sweep.trials[1].id, PlanOf({"2"}).trials[0].id());
  EXPECT_EQ(sweep.trials[1].seed, 2u);
  EXPECT_EQ(sweep.trials[1].config, R"({"seed":2})");
}

TEST(FreezeSweep, MayGrowButNotChange) {
  const Folder folder;
  FreezeSweep(PlanOf({"1", "2"}), folder.path());
  EXPECT_EQ(FreezeSweep(PlanOf({"2", "3", "1"}), folder.path()), 2u);
  EXPECT_EQ(ReadSweep(folder.path()).trials.size(), 3u);
  try {
    FreezeSweep(PlanOf({"1", "4"}), folder.path());
    FAIL() << "a smaller sweep was accepted";
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("has 3 trials, of which 1 are among the 2"),
                      HasSubstr("(seed=2)"),
                      HasSubstr("(seed=3)"),
                      HasSubstr("use another --dir")));
  }
  EXPECT_EQ(ReadSweep(folder.path()).trials.size(), 3u);
}

TEST(ReadSweep, SaysWhatIsWrong) {
  const Folder folder;
  EXPECT_THROW(ReadSweep(folder.path()), core::ConfigError);
  folder.Write("sweep.json", "{");
  EXPECT_THROW(ReadSweep(folder.path()), core::RunError);
  folder.Write("sweep.json", R"({"format": 9})");
  EXPECT_THROW(ReadSweep(folder.path()), core::RunError);
}

}  // namespace
}  // namespace fedtorch::study
