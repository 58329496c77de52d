#include "fedtorch/partition/feasibility.h"

#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fedtorch::partition {
namespace {

using testing::HasSubstr;

TEST(DrawUntilMinimum, StopsAtTheFirstSplitThatIsGoodEnough) {
  const data::Dataset dataset = Balanced(100, 10);
  std::uint64_t last = 0;
  DrawUntilMinimum({.dataset = dataset, .num_clients = 4, .min_samples = 5},
                   "test",
                   "raise alpha",
                   [&](std::uint64_t attempt) {
                     last = attempt;
                     return static_cast<std::int64_t>(attempt);
                   });
  EXPECT_EQ(last, 5U);
}

TEST(DrawUntilMinimum, GivesUpAfter100TriesAndTellsTheBestOne) {
  const data::Dataset dataset = Balanced(100, 10);
  int tries = 0;
  std::string message;
  try {
    DrawUntilMinimum({.dataset = dataset, .num_clients = 4, .min_samples = 9},
                     "test",
                     "raise alpha (now 0.5)",
                     [&](std::uint64_t attempt) {
                       ++tries;
                       return static_cast<std::int64_t>(attempt % 8);
                     });
  } catch (const core::ConfigError& error) {
    message = error.what();
  }
  EXPECT_EQ(tries, 100);
  EXPECT_EQ(
      message,
      "error: cannot partition by 'test': expected at least 9 samples for each "
      "of 4 clients (min_samples), but in 100 tries the smallest client "
      "had at best 7; raise alpha (now 0.5), lower num_clients or lower "
      "min_samples");
}

TEST(RequireRoom, RefusesMoreThanThereIsWithoutOverflow) {
  const data::Dataset dataset = Balanced(100, 10);
  EXPECT_NO_THROW(RequireRoom(
      {.dataset = dataset, .num_clients = 20, .min_samples = 5}, "test"));
  EXPECT_THROW(
      RequireRoom({.dataset = dataset, .num_clients = 20, .min_samples = 6},
                  "test"),
      core::ConfigError);
  EXPECT_THROW(RequireRoom({.dataset = dataset,
                            .num_clients = std::int64_t{1} << 62,
                            .min_samples = std::int64_t{1} << 62},
                           "test"),
               core::ConfigError);
}

TEST(Shortest, ReadsBack) {
  EXPECT_EQ(Shortest(0.05), "0.05");
  EXPECT_EQ(Shortest(1.0), "1");
  EXPECT_EQ(std::stod(Shortest(1.0 / 3.0)), 1.0 / 3.0);
}

}  // namespace
}  // namespace fedtorch::partition
