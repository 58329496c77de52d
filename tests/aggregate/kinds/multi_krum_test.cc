#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

double Plain(double squared) { return squared; }

Subset All(const Rows& rows) {
  Subset all(rows.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// Chooses `count` rows, scoring what is left from the values every time.
Subset ChooseOneByOne(const Rows& rows,
                      std::int64_t f,
                      std::int64_t count,
                      std::int64_t fewer) {
  Subset left = All(rows);
  Subset chosen;
  while (static_cast<std::int64_t>(chosen.size()) < count) {
    const auto size = static_cast<std::int64_t>(left.size());
    const std::int64_t neighbours =
        std::min(size - 1, std::max<std::int64_t>(1, size - f - fewer));
    const auto best =
        DirectSmallest(DirectKrumScores(rows, left, neighbours, Plain), 1)
            .front();
    chosen.push_back(left[static_cast<std::size_t>(best)]);
    left.erase(left.begin() + best);
  }
  return chosen;
}

TEST(MultiKrum, AveragesTheFirstTwoOfThreeThatTie) {
  const Result result =
      ResultOf("{name: multi_krum, f: 1, m: 2, neighbors: n-f-1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(MultiKrum, EqualsItsSlowVersion) {
  ExpectSlow(
      "{name: multi_krum, f: F}",
      [](std::int64_t f) { return 2 * f + 3; },
      [](const Rows& rows, std::int64_t f) {
        const auto n = static_cast<std::int64_t>(rows.size());
        return DirectMean(
            rows,
            DirectSmallest(DirectKrumScores(rows, All(rows), n - f - 2, Plain),
                           n - f - 2));
      });
}

TEST(MultiKrum, IterativeEqualsItsSlowVersion) {
  ExpectSlow(
      "{name: multi_krum, f: F, iterative: true}",
      [](std::int64_t f) { return 2 * f + 3; },
      [](const Rows& rows, std::int64_t f) {
        const auto n = static_cast<std::int64_t>(rows.size());
        return DirectMean(rows, ChooseOneByOne(rows, f, n - 2 * f - 2, 2));
      });
  ExpectSlow(
      "{name: multi_krum, f: F, iterative: true, neighbors: n-f-1}",
      [](std::int64_t f) { return 2 * f + 1; },
      [](const Rows& rows, std::int64_t f) {
        const auto n = static_cast<std::int64_t>(rows.size());
        return DirectMean(rows, ChooseOneByOne(rows, f, n - 2 * f, 1));
      });
}

TEST(MultiKrum, ScoresAnewOrOnce) {
  // One input on which the two forms keep different rows.
  bool differ = false;
  for (std::uint64_t seed = 0; seed < 40 && !differ; ++seed) {
    const Rows rows = DrawRows(seed, 11, 2, 2);
    const Result once = ResultOf("{name: multi_krum, f: 2, m: 5}", rows);
    const Result anew =
        ResultOf("{name: multi_krum, f: 2, m: 5, iterative: true}", rows);
    EXPECT_EQ(anew.kept.size(), 5u);
    differ = once.kept != anew.kept;
  }
  EXPECT_TRUE(differ);
}

TEST(MultiKrum, IsKrumForOneAndTheMeanForAll) {
  const Rows rows = DrawRows(5, 9, 30, 2);
  EXPECT_EQ(ResultOf("{name: multi_krum, f: 2, m: 1}", rows).vector,
            ResultOf("{name: krum, f: 2}", rows).vector);
  EXPECT_THAT(ResultOf("{name: multi_krum, f: 2, m: 9}", rows).vector,
              Pointwise(DoubleNear(1e-12), DirectMean(rows, All(rows))));
}

TEST(MultiKrum, NamesWhatIsMissing) {
  EXPECT_EQ(PipelineFrom({}, "{name: multi_krum, f: 2}").Obstacle(7, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: multi_krum, f: 2}").Obstacle(6, 0),
              HasSubstr("n >= 2f + 3 = 7 updates, found n = 6 with f = 2"));
  const Pipeline eight = PipelineFrom({}, "{name: multi_krum, f: 1, m: 8}");
  EXPECT_EQ(eight.Obstacle(8, 0), "");
  EXPECT_THAT(eight.Obstacle(7, 0),
              HasSubstr("n >= 8 updates for m = 8, found n = 7 with f = 1"));
  const Pipeline anew =
      PipelineFrom({}, "{name: multi_krum, f: 1, m: 8, iterative: true}");
  EXPECT_EQ(anew.Obstacle(11, 0), "");
  EXPECT_THAT(anew.Obstacle(10, 0),
              HasSubstr("n >= 11 updates for m = 8, found n = 10"));
}

TEST(MultiKrum, TakesAnyRows) {
  ExpectTame("{name: multi_krum, f: 3}", 9, 3);
  ExpectTame("{name: multi_krum, f: 3, iterative: true}", 9, 3);
  ExpectTame("{name: multi_krum, f: 3, neighbors: n-f-1}", 7, 3);
  ExpectTame("{name: multi_krum, f: 0, neighbors: n-f-1}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
