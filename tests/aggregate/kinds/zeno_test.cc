#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"
#include "tests/aggregate/server_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointwise;

TEST(Zeno, ScoresTheDecreaseThatAnUpdateBrings) {
  // F(w + u) = |u - (1, 0)|^2 / 2. On C the decreases are u_0 - |u|^2 / 2:
  // row 0 has 0.5, row 6 has -5 - 25; the price is 0.1 |u|^2.
  FakeServer server;
  server.loss = Bowl({1, 0});
  const Result result =
      ResultOf("{name: zeno, f: 1, rho: 0.1}", InputC(), {.server = &server});
  EXPECT_NEAR(result.scores[0], 0.5 - 0.1, 1e-12);
  EXPECT_NEAR(result.scores[6], -30.0 - 5.0, 1e-12);
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(result.vector,
              ElementsAre(DoubleNear(1.0, 1e-12), DoubleNear(0.05, 1e-12)));
  EXPECT_EQ(server.num_losses, 8);
}

TEST(Zeno, LetsThePriceDecide) {
  // Decreases 0.5 and 0.48 with squared lengths 1 and 0.64.
  FakeServer server;
  server.loss = Bowl({1, 0});
  const std::vector<std::vector<double>> rows = {{1, 0}, {0.8, 0}};
  EXPECT_THAT(
      ResultOf("{name: zeno, f: 0, b: 1, rho: 0}", rows, {.server = &server})
          .kept,
      ElementsAre(0));
  EXPECT_THAT(
      ResultOf("{name: zeno, f: 0, b: 1, rho: 0.1}", rows, {.server = &server})
          .kept,
      ElementsAre(1));
}

TEST(Zeno, GivesTiesToTheLowest) {
  FakeServer server;
  server.loss = [](std::span<const double>) { return 2.0; };
  EXPECT_THAT(
      ResultOf("{name: zeno, f: 1, rho: 0}", InputA(), {.server = &server})
          .vector,
      ElementsAre(2.5, 3.5, 4.5));
}

TEST(Zeno, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto n = static_cast<std::int64_t>(4 + seed);
    const std::int64_t d = 40;
    const RandomRows rows = RandomRows::Draw(seed, n, d, 2);
    FakeServer server;
    server.loss = Bowl(std::vector<double>(static_cast<std::size_t>(d), 0.3));
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      double square = 0.0;
      for (const double value : rows.values[i]) square += value * value;
      const std::vector<double> zero(static_cast<std::size_t>(d));
      order.emplace_back(
          -(server.loss(zero) - server.loss(rows.values[i]) - 0.02 * square),
          i);
    }
    std::sort(order.begin(), order.end());
    std::vector<double> expected(static_cast<std::size_t>(d));
    const std::size_t kept = rows.values.size() - 3;
    for (std::size_t k = 0; k < kept; ++k) {
      for (std::size_t c = 0; c < expected.size(); ++c) {
        expected[c] +=
            rows.values[order[k].second][c] / static_cast<double>(kept);
      }
    }
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      EXPECT_THAT(PipelineFrom({}, "{name: zeno, f: 2, b: 3, rho: 0.02}")
                      .Aggregate(table, {.server = &server})
                      .vector,
                  Pointwise(DoubleNear(1e-12), expected));
    }
  }
}

TEST(Zeno, PutsModelsWithoutALossLast) {
  FakeServer server;
  server.loss = [](std::span<const double> update) {
    if (update[0] > 1e100) return std::numeric_limits<double>::infinity();
    return update[0] > 1e19 ? std::nan("") : 1.0;
  };
  const Result result = ResultOf(
      "{name: zeno, f: 2}", {{1e120}, {1}, {1e20}, {3}}, {.server = &server});
  EXPECT_THAT(result.vector, ElementsAre(2.0));
  EXPECT_TRUE(std::isfinite(result.scores[0]));
  EXPECT_TRUE(std::isfinite(result.scores[2]));
}

TEST(Zeno, CountsMaskedRowsAsDropped) {
  FakeServer server;
  server.loss = Bowl({0});
  const double nan = std::nan("");
  EXPECT_THAT(ResultOf("{name: zeno, b: 2, f: 1}",
                       {{nan}, {1}, {2}, {3}},
                       {.server = &server})
                  .kept,
              ElementsAre(1, 2));
}

TEST(Zeno, NamesNFAndB) {
  EXPECT_THAT(PipelineFrom({}, "{name: zeno, f: 2}").Obstacle(3, 0), IsEmpty());
  EXPECT_THAT(PipelineFrom({}, "{name: zeno, f: 2}").Obstacle(2, 0),
              HasSubstr("n > b updates, found n = 2 with f = 2 and b = 2"));
  EXPECT_THAT(PipelineFrom({}, "{name: zeno, b: 1}").Obstacle(9, 2),
              HasSubstr("b >= f, found n = 9 with f = 2 and b = 1"));
  EXPECT_TRUE(PipelineFrom({}, "zeno").needs_declared_f());
  EXPECT_TRUE(PipelineFrom({}, "zeno").needs_server_data());
}

}  // namespace
}  // namespace fedtorch::aggregate
