#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"
#include "tests/aggregate/server_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pointwise;

Result Greedy(const std::vector<std::vector<double>>& rows,
              std::vector<double> target) {
  FakeServer server;
  server.loss = Bowl(std::move(target));
  return ResultOf("fedgreed", rows, {.server = &server});
}

TEST(FedGreed, GrowsWhileTheLossFalls) {
  // Target 0; alone 1, -1.2, 2, -9 lose 0.5, 0.72, 2, 40.5. The means of the
  // first ones are 1, -0.1, 0.6: two rows, and the third is tried and left.
  const Result result = Greedy({{2}, {1}, {-9}, {-1.2}}, {0});
  EXPECT_THAT(result.vector, ElementsAre(DoubleNear(-0.1, 1e-12)));
  EXPECT_THAT(result.kept, ElementsAre(1, 3));
  EXPECT_THAT(result.scores,
              ElementsAre(2.0, 0.5, 40.5, DoubleNear(0.72, 1e-12)));
}

TEST(FedGreed, StopsAtTheFirstRise) {
  // The means of 1, (1, 1.5), (1, 1.5, -2), ... are 1, 1.25, 0.17: the third
  // would be better than the first, but the second is worse.
  EXPECT_THAT(Greedy({{1}, {1.5}, {-2}}, {0}).kept, ElementsAre(0));
}

TEST(FedGreed, GoesOnOverEqualLossesAndKeepsTheFewest) {
  // The first two are the same; the third lowers the loss.
  EXPECT_THAT(Greedy({{1}, {1}, {-1}}, {0}).kept, ElementsAre(0, 1, 2));
  EXPECT_THAT(Greedy({{1}, {1}}, {0}).kept, ElementsAre(0));
}

TEST(FedGreed, JoinsTheReferenceInputs) {
  // The row at (-5, 5) is the last in order and raises the loss.
  const Result result = Greedy(InputC(), {1, .05});
  EXPECT_THAT(result.kept, testing::Not(testing::Contains(6)));
  EXPECT_THAT(Greedy(InputA(), {4, 5, 6}).vector, ElementsAre(4.0, 5.0, 6.0));
  EXPECT_THAT(Greedy(InputA(), {4, 5, 6}).kept, ElementsAre(1));
}

TEST(FedGreed, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto n = static_cast<std::int64_t>(2 + seed);
    const RandomRows rows = RandomRows::Draw(seed, n, 30, n / 4);
    FakeServer server;
    server.loss = Bowl(rows.values[0]);
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      order.emplace_back(server.loss(rows.values[i]), i);
    }
    std::sort(order.begin(), order.end());
    std::vector<double> expected;
    double least = 1e300;
    double last = 1e300;
    std::vector<double> sum(30);
    for (std::size_t count = 1; count <= order.size(); ++count) {
      std::vector<double> mean = sum;
      for (std::size_t k = 0; k < 30; ++k) {
        sum[k] += rows.values[order[count - 1].second][k];
        mean[k] = sum[k] / static_cast<double>(count);
      }
      const double loss = server.loss(mean);
      if (loss > last) break;
      if (loss < least) {
        least = loss;
        expected = mean;
      }
      last = loss;
    }
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      EXPECT_THAT(PipelineFrom({}, "fedgreed")
                      .Aggregate(table, {.server = &server})
                      .vector,
                  Pointwise(DoubleNear(1e-12), expected));
    }
  }
}

TEST(FedGreed, KeepsTheModelWhenNoUpdateHasALoss) {
  FakeServer server;
  server.loss = [](std::span<const double> update) {
    return update[0] > 1e10 ? std::nan("") : 1.0;
  };
  const Result none =
      ResultOf("fedgreed", {{1e20}, {1e30}}, {.server = &server});
  EXPECT_THAT(none.vector, ElementsAre(0.0));
  EXPECT_THAT(none.kept, IsEmpty());
  EXPECT_TRUE(std::isfinite(none.scores[0]));
  EXPECT_THAT(ResultOf("fedgreed", {{1e20}, {7}}, {.server = &server}).vector,
              ElementsAre(7.0));
}

TEST(FedGreed, SaysThatItNeedsTheServersSamples) {
  EXPECT_TRUE(PipelineFrom({}, "fedgreed").needs_server_data());
  EXPECT_FALSE(PipelineFrom({}, "fedgreed").needs_declared_f());
}

}  // namespace
}  // namespace fedtorch::aggregate
