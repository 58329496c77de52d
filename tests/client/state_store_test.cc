#include "fedtorch/client/state_store.h"

#include "fedtorch/core/errors.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

namespace fedtorch::client {
namespace {

std::vector<float> Values(std::int64_t client) {
  return std::vector<float>(100, static_cast<float>(client));
}

TEST(StateStore, ReadsNothingBeforeTheFirstWrite) {
  StateStore store(1000, "/tmp");
  std::vector<float> values{1.0F};
  EXPECT_FALSE(store.Read("control", 3, &values));
  EXPECT_TRUE(values.empty());
  EXPECT_EQ(store.memory_bytes(), 0u);
}

TEST(StateStore, SpillsPastItsBudgetWithoutChangingAValue) {
  // Room for two vectors of 400 bytes; the other eight go to disk.
  StateStore store(900, std::filesystem::temp_directory_path());
  for (std::int64_t client = 0; client < 10; ++client) {
    store.Write("control", client, Values(client));
  }
  EXPECT_EQ(store.memory_bytes(), 800u);
  EXPECT_EQ(store.spilled_bytes(), 3200u);
  store.Write("control", 9, Values(-9));
  store.Write("control", 0, Values(-1));
  EXPECT_EQ(store.spilled_bytes(), 3200u) << "rewritten in place";
  std::vector<float> values;
  for (std::int64_t client = 1; client < 9; ++client) {
    ASSERT_TRUE(store.Read("control", client, &values));
    EXPECT_EQ(values, Values(client));
  }
  ASSERT_TRUE(store.Read("control", 9, &values));
  EXPECT_EQ(values, Values(-9));
  ASSERT_TRUE(store.Read("control", 0, &values));
  EXPECT_EQ(values, Values(-1));
}

TEST(StateStore, VisitsInTheOrderOfNameThenClient) {
  StateStore store(450, std::filesystem::temp_directory_path());
  store.Write("b", 2, Values(2));
  store.Write("b", 1, Values(1));
  store.Write("a", 7, Values(7));
  std::vector<std::string> order;
  store.Visit([&](const std::string& name,
                  std::int64_t client,
                  std::span<const float> values) {
    order.push_back(name + std::to_string(client));
    EXPECT_EQ(values[0], static_cast<float>(client));
  });
  EXPECT_EQ(order, (std::vector<std::string>{"a7", "b1", "b2"}));
}

TEST(StateStore, ServesSeveralThreads) {
  StateStore store(20000, std::filesystem::temp_directory_path());
  std::vector<std::thread> threads;
  for (std::int64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&store, t] {
      std::vector<float> values;
      for (std::int64_t i = 0; i < 50; ++i) {
        const std::int64_t client = t + 4 * i;
        store.Write("control", client, Values(client));
        store.Read("control", client, &values);
        EXPECT_EQ(values, Values(client));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(StateStore, NamesTheFolderThatCannotHoldItsFile) {
  StateStore store(0, "/does/not/exist");
  EXPECT_THROW(store.Write("control", 0, Values(0)), core::RunError);
}

}  // namespace
}  // namespace fedtorch::client
