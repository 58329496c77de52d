#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

TEST(Rlr, KeepsTheSignWhereEnoughAgree) {
  // Sums of signs 5 and 3; means 1/7 and 5.3/7.
  EXPECT_THAT(Joined("{name: rlr, threshold: 3}", InputC()),
              Pointwise(DoubleNear(1e-12), {1.0 / 7, 5.3 / 7}));
  EXPECT_THAT(Joined("{name: rlr, threshold: 4}", InputC()),
              Pointwise(DoubleNear(1e-12), {1.0 / 7, -5.3 / 7}));
  EXPECT_THAT(Joined("{name: rlr, threshold: 6}", InputC()),
              Pointwise(DoubleNear(1e-12), {-1.0 / 7, -5.3 / 7}));
}

TEST(Rlr, CountsAgreementOnBothSides) {
  EXPECT_THAT(Joined("{name: rlr, threshold: 3}", {{-1, 1}, {-2, 0}, {-3, 2}}),
              ElementsAre(-2.0, -1.0));
}

TEST(Rlr, AsksForMoreThanTheAdversariesByDefault) {
  EXPECT_EQ(Joined("rlr", InputC(), {.f = 3}),
            Joined("{name: rlr, threshold: 4}", InputC()));
  EXPECT_TRUE(PipelineFrom({}, "rlr").needs_declared_f());
  EXPECT_FALSE(
      PipelineFrom({}, "{name: rlr, threshold: 2}").needs_declared_f());
}

TEST(Rlr, IsTheMeanWithoutAThreshold) {
  const Rows rows = DrawRows(4, 9, 3000);
  EXPECT_THAT(Joined("{name: rlr, threshold: 0}", rows),
              Pointwise(DoubleNear(1e-13), Joined("mean", rows)));
}

TEST(Rlr, EqualsASlowOne) {
  const Rows rows = DrawRows(5, 9, 3000);
  std::vector<double> expected(3000);
  std::size_t turned = 0;
  for (std::size_t k = 0; k < 3000; ++k) {
    int vote = 0;
    for (const auto& row : rows) {
      vote += row[k] > 0 ? 1 : row[k] < 0 ? -1 : 0;
      expected[k] += row[k] / 9;
    }
    if (std::abs(vote) < 5) {
      expected[k] = -expected[k];
      ++turned;
    }
  }
  ASSERT_GT(turned, 100u);
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(Joined("{name: rlr, threshold: 5}", rows, {}, as_float),
                Pointwise(DoubleNear(1e-13), expected));
  }
  EXPECT_DOUBLE_EQ(ResultOf("{name: rlr, threshold: 5}", rows)
                       .diagnostics.at("aggregate/turned_share"),
                   static_cast<double>(turned) / 3000);
}

TEST(Rlr, RefusesAThresholdThatNoCohortReaches) {
  EXPECT_EQ(PipelineFrom({}, "{name: rlr, threshold: 5}").Obstacle(4, 1),
            "rlr needs n >= threshold = 5 updates, found n = 4 with f = 1");
  EXPECT_EQ(PipelineFrom({}, "{name: rlr, threshold: 4}").Obstacle(4, 1), "");
}

TEST(Rlr, SurvivesAnything) { ExpectSurvives("rlr", 10, 3, /*bounded=*/false); }

}  // namespace
}  // namespace fedtorch::aggregate
