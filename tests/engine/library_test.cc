#include "fedtorch/engine/session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace fedtorch::engine {
namespace {

TEST(PrepareThread, LeavesOneIntraOpThreadInEveryWorker) {
  std::atomic<int> wrong{0};
  // LibTorch keeps its texts from the first call on, behind a lock that the
  // thread sanitiser does not see.
  DescribeLibrary();
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&wrong] {
      PrepareThread();
      if (DescribeLibrary().intra_op_threads != 1) ++wrong;
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Library, SaysWhatItIs) {
  const LibraryInfo info = DescribeLibrary();
  EXPECT_EQ(info.version.substr(0, 2), "2.");
  EXPECT_FALSE(info.configuration.empty());
  EXPECT_FALSE(info.cpu_capability.empty());
}

}  // namespace
}  // namespace fedtorch::engine
