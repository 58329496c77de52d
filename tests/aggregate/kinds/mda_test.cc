#include "fedtorch/core/stream.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

double Diameter(const Rows& rows, const Subset& subset) {
  double diameter = 0.0;
  for (const std::int64_t i : subset) {
    for (const std::int64_t j : subset) {
      diameter = std::max(diameter,
                          DirectSquared(rows[static_cast<std::size_t>(i)],
                                        rows[static_cast<std::size_t>(j)]));
    }
  }
  return diameter;
}

// All subsets; the first of the smallest diameter.
Subset SlowSubset(const Rows& rows, std::int64_t f) {
  const auto n = static_cast<std::int64_t>(rows.size());
  Subset best;
  double least = std::numeric_limits<double>::infinity();
  for (const Subset& subset : Subsets(n, n - f)) {
    const double diameter = Diameter(rows, subset);
    if (diameter < least) {
      least = diameter;
      best = subset;
    }
  }
  return best;
}

TEST(Mda, TakesTheFirstOfTwoPairs) {
  const Result result = ResultOf("{name: mda, f: 1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(Mda, EqualsItsSlowVersion) {
  ExpectSlow(
      "{name: mda, f: F}",
      [](std::int64_t f) { return 2 * f + 1; },
      [](const Rows& rows, std::int64_t f) {
        return DirectMean(rows, SlowSubset(rows, f));
      });
}

TEST(Mda, TakesTheLexicographicallyFirstSubset) {
  // Small whole numbers: many subsets have the same diameter exactly.
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    core::Stream stream = core::Stream::Named(seed, "grid");
    const auto n = 4 + static_cast<std::int64_t>(stream.Below(6));
    const auto f = static_cast<std::int64_t>(
        stream.Below(static_cast<std::uint64_t>((n - 1) / 2 + 1)));
    Rows rows;
    for (std::int64_t i = 0; i < n; ++i) {
      rows.push_back({static_cast<double>(stream.Below(5)),
                      static_cast<double>(stream.Below(5))});
    }
    EXPECT_EQ(ResultOf("{name: mda, f: " + std::to_string(f) + "}", rows).kept,
              SlowSubset(rows, f))
        << "n = " << n << " f = " << f;
  }
}

TEST(Mda, IsQuickWithThirtyRows) {
  // 30 045 015 subsets.
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    for (const std::int64_t far : {0, 5, 10}) {
      const Rows rows = DrawRows(seed, 30, 50, far);
      const auto start = std::chrono::steady_clock::now();
      const Result result = ResultOf("{name: mda, f: 10}", rows);
      const std::chrono::duration<double> time =
          std::chrono::steady_clock::now() - start;
      EXPECT_LT(time.count(), 2.0);
      EXPECT_EQ(result.diagnostics.at("aggregate/exact"), 1.0);
      ASSERT_EQ(result.kept.size(), 20u);
      // No exchange of one row for another is better.
      const double diameter = Diameter(rows, result.kept);
      for (std::size_t k = 0; k < 20; ++k) {
        for (std::int64_t other = 0; other < 30; ++other) {
          Subset changed = result.kept;
          if (std::find(changed.begin(), changed.end(), other) !=
              changed.end()) {
            continue;
          }
          changed[k] = other;
          EXPECT_GE(Diameter(rows, changed), diameter);
        }
      }
    }
  }
}

TEST(Mda, ServesLargeCohorts) {
  const Rows rows = DrawRows(9, 200, 30, 40);
  const Result result = ResultOf("{name: mda, f: 40}", rows);
  EXPECT_EQ(result.kept.size(), 160u);
  EXPECT_EQ(result.diagnostics.at("aggregate/exact"), 1.0);
}

TEST(Mda, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: mda, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: mda, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(Mda, TakesAnyRows) {
  ExpectTame("{name: mda, f: 3}", 7, 3);
  ExpectTame("{name: mda, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
