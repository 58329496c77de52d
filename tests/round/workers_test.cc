#include "fedtorch/round/workers.h"

#include "fedtorch/core/errors.h"
#include "tests/support/experiments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace fedtorch::round {
namespace {

TEST(Workers, RunEveryTaskOnce) {
  support::Federation federation({"runtime.threads=5"});
  std::vector<std::int64_t> order(200);
  std::iota(order.begin(), order.end(), 0);
  std::vector<int> runs(200, 0);
  federation.workers.Run(order, [&](Worker&, std::int64_t task) {
    ++runs[static_cast<std::size_t>(task)];
  });
  EXPECT_THAT(runs, ::testing::Each(1));
}

TEST(Workers, ThrowTheErrorOfTheLowestTaskWhateverTheOrder) {
  support::Federation federation({"runtime.threads=3"});
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<std::int64_t> order(50);
    std::iota(order.rbegin(), order.rend(), 0);
    try {
      federation.workers.Run(order, [](Worker&, std::int64_t task) {
        if (task % 7 == 3) {
          throw core::RunError("task " + std::to_string(task));
        }
      });
      FAIL();
    } catch (const core::RunError& error) {
      EXPECT_STREQ(error.what(), "task 3");
    }
  }
}

}  // namespace
}  // namespace fedtorch::round
