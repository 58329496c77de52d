#include "fedtorch/client/local_work.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::client {
namespace {

LocalWork Read(const std::string& yaml) {
  config::Document document = config::Document::FromText(yaml, "test.yaml");
  config::Section root = document.Root();
  const LocalWork work = LocalWork::Read(root);
  document.Finish();
  return work;
}

TEST(LocalWork, CountsSteps) {
  LocalWork work{.epochs = 2, .batch_size = 10};
  EXPECT_EQ(work.StepsOf(25, 2), 6);
  EXPECT_EQ(work.StepsOf(30, 2), 6);
  EXPECT_EQ(work.StepsOf(3, 2), 2);
  EXPECT_EQ(work.StepsOf(0, 2), 0);
  work.keep_last_batch = false;
  EXPECT_EQ(work.StepsOf(25, 2), 4);
  EXPECT_EQ(work.StepsOf(3, 2), 2) << "the only batch is kept";
  work.batch_size = 0;
  EXPECT_EQ(work.StepsOf(25, 3), 3);
  work.steps = 7;
  EXPECT_EQ(work.StepsOf(25, 3), 7);
}

TEST(LocalWork, RefusesEpochsAndStepsTogether) {
  try {
    Read("client: {local_epochs: 1, local_steps: 5}");
    FAIL();
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("exactly one of"));
  }
}

TEST(Schedule, FollowsItsFormula) {
  const auto factor = [](const std::string& schedule, std::int64_t round) {
    return Read("client: {lr_schedule: " + schedule + "}")
        .schedule.Factor(round, 11);
  };
  EXPECT_EQ(factor("constant", 9), 1.0);
  EXPECT_DOUBLE_EQ(factor("{name: exponential, gamma: 0.5}", 1), 1.0);
  EXPECT_DOUBLE_EQ(factor("{name: exponential, gamma: 0.5}", 4), 0.125);
  EXPECT_DOUBLE_EQ(factor("{name: step, every: 3, gamma: 0.1}", 3), 1.0);
  EXPECT_DOUBLE_EQ(factor("{name: step, every: 3, gamma: 0.1}", 4), 0.1);
  EXPECT_DOUBLE_EQ(factor("{name: cosine, final: 0.2}", 1), 1.0);
  EXPECT_DOUBLE_EQ(factor("{name: cosine, final: 0.2}", 6), 0.6);
  EXPECT_NEAR(factor("{name: cosine, final: 0.2}", 11), 0.2, 1e-12);
}

}  // namespace
}  // namespace fedtorch::client
