#include "fedtorch/kernel/selection_network.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace fedtorch::kernel {
namespace {

// Runs the list on one value a wire.
template <class Value>
void Apply(const SelectionNetwork& network, std::vector<Value>& values) {
  using Keep = SelectionNetwork::Keep;
  for (const auto& [wires, keep] : network.comparators()) {
    const Value a = values[wires.low];
    const Value b = values[wires.high];
    if (keep != Keep::kHigh) values[wires.low] = std::min(a, b);
    if (keep != Keep::kLow) values[wires.high] = std::max(a, b);
  }
}

// A list of comparisons that sorts all zeros and ones sorts everything. The
// half comparators are monotone too, so that this holds for selection.
TEST(SelectionNetwork, SelectsFromAllZerosAndOnes) {
  for (std::size_t count = 1; count <= 16; ++count) {
    const std::size_t trim = (count - 1) / 3;
    for (const auto& [first, last] : {std::pair{std::size_t{0}, count},
                                      std::pair{(count - 1) / 2, count / 2 + 1},
                                      std::pair{trim, count - trim},
                                      std::pair{std::size_t{0}, std::size_t{1}},
                                      std::pair{count - 1, count}}) {
      const SelectionNetwork network(count, first, last);
      for (std::uint32_t bits = 0; bits < (1U << count); ++bits) {
        std::vector<int> values(count);
        for (std::size_t i = 0; i < count; ++i) values[i] = bits >> i & 1;
        auto sorted = values;
        std::sort(sorted.begin(), sorted.end());
        Apply(network, values);
        for (std::size_t rank = first; rank < last; ++rank) {
          ASSERT_EQ(values[rank], sorted[rank])
              << count << " wires, rank " << rank << ", input " << bits;
        }
      }
    }
  }
}

TEST(SelectionNetwork, SelectsFromPermutationsOfManyWires) {
  core::Stream stream = core::Stream::Named(1, "wires");
  for (const std::size_t count : {17, 31, 32, 33, 50, 64, 65, 100, 129, 1000}) {
    const SelectionNetwork network(count, count / 5, count - count / 5);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<std::size_t> values(count);
      std::iota(values.begin(), values.end(), std::size_t{0});
      for (std::size_t i = count; i > 1; --i) {
        std::swap(values[i - 1], values[stream.Below(i)]);
      }
      Apply(network, values);
      for (std::size_t rank = network.first(); rank < network.last(); ++rank) {
        ASSERT_EQ(values[rank], rank);
      }
    }
  }
}

// Counts of Batcher's network without what no wanted rank depends on.
TEST(SelectionNetwork, HasNoMoreComparatorsThanNeeded) {
  struct Case {
    std::size_t count, median, trimmed;
  };
  for (const auto& [count, median, trimmed] : {Case{10, 29, 32},
                                               Case{25, 113, 134},
                                               Case{64, 445, 521},
                                               Case{100, 898, 1050},
                                               Case{1000, 19978, 22343}}) {
    const SelectionNetwork middle(count, (count - 1) / 2, count / 2 + 1);
    EXPECT_LE(middle.comparators().size(), median) << count;
    const SelectionNetwork most(count, count / 5, count - count / 5);
    EXPECT_LE(most.comparators().size(), trimmed) << count;
  }
  EXPECT_EQ(SelectionNetwork(2, 0, 2).comparators().size(), 1U);
  EXPECT_EQ(SelectionNetwork(1, 0, 1).comparators().size(), 0U);
}

TEST(SelectionNetwork, RefusesRanksThatAreNone) {
  EXPECT_THROW(SelectionNetwork(3, 1, 1), core::Bug);
  EXPECT_THROW(SelectionNetwork(3, 0, 4), core::Bug);
}

}  // namespace
}  // namespace fedtorch::kernel
