#include "fedtorch/core/errors.h"
#include "fedtorch/core/exact_sum.h"
#include "fedtorch/core/stream.h"
#include "tests/aggregate/aggregate_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

// Values over many magnitudes, where an inexact sum shows its order.
Updates WildUpdates(std::int64_t rows, std::int64_t dimension) {
  Updates updates = DrawUpdates(11, rows, dimension);
  core::Stream stream = core::Stream::Named(12, "wild");
  for (auto& row : updates.rows) {
    for (float& value : row) {
      value = static_cast<float>(
          stream.Normal() *
          std::exp2(static_cast<double>(stream.Below(50)) - 30.0));
    }
  }
  return updates;
}

TEST(Mean, WeighsRows) {
  Updates updates;
  updates.dimension = 2;
  updates.rows = {{1.0f, 2.0f}, {3.0f, 6.0f}};
  updates.weights = {0.25, 0.75};
  const Result result =
      FromText("mean")->Aggregate(Inputs(updates.Table()), {});
  EXPECT_THAT(result.vector, ElementsAre(2.5, 5.0));
  EXPECT_THAT(result.kept, IsEmpty());
  EXPECT_THAT(result.scores, IsEmpty());
}

TEST(Mean, TakesWeightsAsTheyAre) {
  // Unbiased weights need not sum to 1.
  Updates updates;
  updates.dimension = 1;
  updates.rows = {{4.0f}, {8.0f}};
  updates.weights = {0.5, 0.25};
  EXPECT_THAT(VectorOf(*FromText("mean"), updates), ElementsAre(4.0));
  updates.weights = {0.0, 0.0};
  EXPECT_THAT(VectorOf(*FromText("mean"), updates), ElementsAre(0.0));
}

TEST(Mean, HasTheBitsOfTheStreamedSumInAnyOrder) {
  constexpr std::size_t kRows = 17;
  constexpr std::size_t kDimension = 5000;
  const Updates updates = WildUpdates(kRows, kDimension);
  const std::vector<double> table = VectorOf(*FromText("mean"), updates);
  core::Stream stream = core::Stream::Named(13, "order");
  for (int repetition = 0; repetition < 5; ++repetition) {
    // Three workers, each with what it happens to train.
    std::vector<core::ExactSum> workers(3, core::ExactSum(kDimension));
    std::vector<std::size_t> order(kRows);
    for (std::size_t i = 0; i < kRows; ++i) order[i] = i;
    stream.Shuffle(std::span(order));
    for (const std::size_t row : order) {
      workers[stream.Below(3)].Add(updates.weights[row],
                                   std::span<const float>(updates.rows[row]));
    }
    workers[0].Merge(workers[2]);
    workers[0].Merge(workers[1]);
    std::vector<double> streamed(kDimension);
    workers[0].Result(streamed);
    ASSERT_EQ(streamed, table);
  }
}

TEST(Mean, IsWithinHalfAStepOfTheTrueSum) {
  const Updates updates = WildUpdates(17, 5000);
  const std::vector<double> mean = VectorOf(*FromText("mean"), updates);
  for (std::size_t j = 0; j < mean.size(); ++j) {
    // The 64-bit significand of long double holds the sum beyond double.
    long double sum = 0.0L;
    for (std::size_t i = 0; i < updates.rows.size(); ++i) {
      sum += static_cast<long double>(updates.weights[i] *
                                      static_cast<double>(updates.rows[i][j]));
    }
    // 2^-61 an addend, and one rounding to double.
    const double tolerance =
        17 * std::exp2(-61) + std::fabs(mean[j]) * std::exp2(-52);
    EXPECT_NEAR(mean[j], static_cast<double>(sum), tolerance);
  }
}

TEST(Mean, IsPlainWithoutWeights) {
  EXPECT_THAT(ResultOf("mean", InputA()).vector,
              ElementsAre(DoubleNear(4.0, 1e-12),
                          DoubleNear(5.0, 1e-12),
                          DoubleNear(6.0, 1e-12)));
}

TEST(Mean, IsStreamed) {
  for (const Kind* kind : Kinds()) {
    if (kind->name == "mean") {
      EXPECT_EQ(kind->reduction, Reduction::kStream);
    }
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
