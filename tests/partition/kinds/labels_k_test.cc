#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

Split SplitOf(const data::Dataset& dataset,
              std::int64_t classes_per_client,
              std::int64_t num_clients,
              std::uint64_t seed) {
  return FromText("{name: labels_k, classes_per_client: " +
                  std::to_string(classes_per_client) + "}")
      ->Partition(
          {.dataset = dataset, .num_clients = num_clients, .seed = seed});
}

TEST(LabelsK, GivesExactlyKClassesAndDividesEachEvenly) {
  const data::Dataset dataset = Unbalanced(100, 10, 1);
  for (const std::int64_t k : {1, 2, 3, 9, 10}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const Split split = SplitOf(dataset, k, 25, seed);
      const Matrix counts = CountMatrix(split.shards, dataset);
      EXPECT_EQ(split.unassigned, 0);
      for (std::size_t client = 0; client < 25; ++client) {
        EXPECT_EQ(10 - std::ranges::count(counts[client], 0), k);
        EXPECT_GT(counts[client][client % 10], 0);
      }
      for (std::size_t label = 0; label < 10; ++label) {
        std::vector<std::int64_t> parts;
        for (const auto& row : counts) {
          if (row[label] > 0) parts.push_back(row[label]);
        }
        EXPECT_LE(std::ranges::max(parts) - std::ranges::min(parts), 1);
      }
    }
  }
}

TEST(LabelsK, DrawsTheOtherClassesEvenly) {
  // Client 0 of 10 has class 0 and one of the nine others.
  const data::Dataset dataset = Balanced(1000, 10);
  std::vector<int> times(10, 0);
  for (std::uint64_t seed = 0; seed < 1800; ++seed) {
    const Matrix counts =
        CountMatrix(SplitOf(dataset, 2, 10, seed).shards, dataset);
    for (std::size_t label = 1; label < 10; ++label) {
      if (counts[0][label] > 0) ++times[label];
    }
  }
  for (std::size_t label = 1; label < 10; ++label) {
    // Five standard deviations of Binomial(1800, 1/9).
    EXPECT_NEAR(times[label], 200, 67);
  }
}

TEST(LabelsK, UsesEveryClassWhereThereAreFewerClientsThanClasses) {
  const data::Dataset dataset = Balanced(1000, 10);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(SplitOf(dataset, 2, 5, seed).unassigned, 0);
    EXPECT_EQ(SplitOf(dataset, 3, 4, seed).unassigned, 0);
    // 3 clients with 2 classes leave 4 classes of 100.
    EXPECT_EQ(SplitOf(dataset, 2, 3, seed).unassigned, 400);
  }
}

TEST(LabelsK, CountsOnlyClassesWithSamples) {
  data::Dataset dataset = Balanced(300, 3);
  for (std::int64_t& label : dataset.targets) label *= 4;
  dataset.num_classes = 10;
  const Split split = SplitOf(dataset, 2, 6, 1);
  for (const auto& row : CountMatrix(split.shards, dataset)) {
    EXPECT_EQ(std::ranges::count(row, 0), 8);
  }
  EXPECT_THAT(Refusal("{name: labels_k, classes_per_client: 4}",
                      {.dataset = dataset, .num_clients = 6}),
              testing::HasSubstr("expected classes_per_client <= 3"));
}

}  // namespace
}  // namespace fedtorch::partition
