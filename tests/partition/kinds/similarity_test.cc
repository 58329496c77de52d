#include "fedtorch/partition/skew.h"
#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace fedtorch::partition {
namespace {

TEST(Similarity, SortsEverythingByClassAtFractionZero) {
  const data::Dataset dataset = Balanced(1000, 10);
  const Split split = FromText("{name: similarity, fraction: 0}")
                          ->Partition({.dataset = dataset, .num_clients = 10});
  const Matrix counts = CountMatrix(split.shards, dataset);
  for (std::size_t client = 0; client < 10; ++client) {
    EXPECT_EQ(counts[client][client], 100);
  }
}

TEST(Similarity, IsIidAtFractionOne) {
  // TV of 500 draws without replacement from 10 equal classes is about
  // 10 / 2 * sqrt(2 / pi * 0.09 / 500) = 0.0535.
  const data::Dataset dataset = Balanced(50000, 10);
  const Split split = FromText("{name: similarity, fraction: 1}")
                          ->Partition({.dataset = dataset, .num_clients = 100});
  EXPECT_NEAR(MeasureSkew(split.shards, dataset).tv_to_global, 0.0535, 0.004);
}

TEST(Similarity, MixesTheGivenFraction) {
  // Client k of 10 has class k in the sorted part and a tenth of the random
  // part: (1 - f) + f / 10 of its samples.
  const data::Dataset dataset = Balanced(50000, 10);
  const Split split = FromText("{name: similarity, fraction: 0.3}")
                          ->Partition({.dataset = dataset, .num_clients = 10});
  const Matrix counts = CountMatrix(split.shards, dataset);
  for (std::size_t client = 0; client < 10; ++client) {
    EXPECT_NEAR(
        static_cast<double>(counts[client][client]) / 5000.0, 0.73, 0.03);
  }
}

TEST(Similarity, GivesSizesThatDifferByAtMostOneAtAnyFraction) {
  const data::Dataset dataset = Balanced(1003, 10);
  for (const char* fraction : {"0", "0.001", "0.1", "0.5", "0.999", "1"}) {
    const Split split =
        FromText(std::string("{name: similarity, fraction: ") + fraction + "}")
            ->Partition({.dataset = dataset, .num_clients = 7});
    const auto sizes = SizesOf(split.shards);
    EXPECT_EQ(std::ranges::min(sizes), 143);
    EXPECT_EQ(std::ranges::max(sizes), 144);
    EXPECT_EQ(split.unassigned, 0);
  }
}

}  // namespace
}  // namespace fedtorch::partition
