#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

TEST(Arc, ShortensTheLongestToTheNext) {
  const Rows rows = Staged("{name: arc, f: 1}", InputA());
  EXPECT_EQ(rows[0], InputA()[0]);
  EXPECT_EQ(rows[1], InputA()[1]);
  EXPECT_THAT(
      rows[2],
      Pointwise(DoubleNear(1e-12),
                {4.4100400914557945, 5.040045818806622, 5.670051546157449}));
}

TEST(Arc, ClipsAsManyAsFSuggests) {
  // floor(2 (f/n) (n - f)) by hand for n = 10: 1.8, 3.2, 4.2, 4.8.
  Rows rows;
  for (int i = 0; i < 10; ++i) {
    // Lengths 4, 7, 10, 3, 6, 9, 2, 5, 8, 1.
    rows.push_back({static_cast<double>((3 * i + 3) % 10 + 1)});
  }
  for (const auto& [f, radius] : std::vector<std::pair<std::int64_t, double>>{
           {0, 10.0}, {1, 9.0}, {2, 7.0}, {3, 6.0}, {4, 6.0}}) {
    const Rows clipped = Staged("arc", rows, {.f = f});
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_NEAR(clipped[i][0], std::min(rows[i][0], radius), 1e-12);
    }
  }
}

TEST(Arc, NamesNAndF) {
  EXPECT_EQ(PipelineFrom({"{name: arc, f: 3}"}, "mean").Obstacle(3, 0),
            "arc needs n > f updates, found n = 3 with f = 3");
  EXPECT_EQ(PipelineFrom({"{name: arc, f: 3}"}, "mean").Obstacle(4, 0), "");
  EXPECT_TRUE(PipelineFrom({"arc"}, "mean").needs_declared_f());
}

TEST(Arc, HoldsHugeRowsToTheLengthOfHonestOnes) {
  Rows rows = DrawRows(2, 10, 50);
  for (std::size_t i = 0; i < 3; ++i) rows[i].assign(50, 1e30);
  for (const bool as_float : {false, true}) {
    const std::vector<double> mean =
        Join(PipelineFrom({"arc"}, "mean"), rows, {.f = 3}, as_float).vector;
    // No row is longer than the longest honest one, about 10.
    EXPECT_LE(Distance(mean, std::vector<double>(50)), 13.0);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
