#include "fedtorch/core/errors.h"
#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

// One column at a time: sorted, cut, averaged in long double.
std::vector<double> Slow(const Rows& rows, std::size_t trim) {
  std::vector<double> out;
  for (std::size_t k = 0; k < rows.front().size(); ++k) {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(row[k]);
    std::sort(column.begin(), column.end());
    long double sum = 0.0L;
    for (std::size_t i = trim; i + trim < column.size(); ++i) sum += column[i];
    out.push_back(static_cast<double>(
        sum / static_cast<long double>(column.size() - 2 * trim)));
  }
  return out;
}

TEST(TrimmedMean, CutsBothEnds) {
  EXPECT_THAT(Joined("{name: trimmed_mean, f: 1}", InputA()),
              ElementsAre(4.0, 5.0, 6.0));
}

TEST(TrimmedMean, KeepsItsDigitsBesideAHugeValue) {
  const Rows rows = {{1}, {2}, {3}, {-5}, {1e8}};
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(Joined("{name: trimmed_mean, f: 1}", rows, {}, as_float),
                ElementsAre(2.0));
  }
  EXPECT_THAT(
      Joined("{name: trimmed_mean, f: 1}", {{1}, {2}, {3}, {-5}, {1e149}}),
      ElementsAre(2.0));
}

TEST(TrimmedMean, IsTheMeanWhereNothingIsTrimmed) {
  EXPECT_THAT(Joined("{name: trimmed_mean, f: 0}", InputB()),
              ElementsAre(1.25, 2.25, 2.0));
  EXPECT_THAT(Joined("{name: trimmed_mean, fraction: 0}", InputB()),
              ElementsAre(1.25, 2.25, 2.0));
}

TEST(TrimmedMean, EqualsASlowOne) {
  ExpectEquals("trimmed_mean", {1, 2, 5, 10, 33, 70}, Slow);
}

TEST(TrimmedMean, TrimsAShareWhateverTheNumberOfAdversaries) {
  const Rows rows = DrawRows(40, 100, 9);
  // 0.29 * 100 is a little less than 29 in floating point.
  EXPECT_THAT(Joined("{name: trimmed_mean, fraction: 0.29}", rows, {.f = 3}),
              Pointwise(DoubleNear(1e-13), Slow(rows, 29)));
  // 0.1 of 15 rows is one and a half.
  const Rows fewer = DrawRows(41, 15, 9);
  EXPECT_THAT(Joined("{name: trimmed_mean, fraction: 0.1}", fewer, {.f = 3}),
              Pointwise(DoubleNear(1e-13), Slow(fewer, 1)));
  EXPECT_NE(Joined("{name: trimmed_mean, fraction: 0.1}", fewer),
            Joined("{name: trimmed_mean, f: 3}", fewer));
}

TEST(TrimmedMean, CountsRowsSetAsideAgainstF) {
  Rows rows = DrawRows(42, 6, 4);
  Rows rest(rows.begin() + 1, rows.end());
  rows[0][2] = std::nan("");
  EXPECT_THAT(Joined("trimmed_mean", rows, {.f = 2}),
              Pointwise(DoubleNear(1e-13), Slow(rest, 1)));
}

TEST(TrimmedMean, NamesNAndF) {
  const Pipeline rule = PipelineFrom({}, "{name: trimmed_mean, f: 2}");
  EXPECT_EQ(rule.Obstacle(5, 0), "");
  EXPECT_EQ(rule.Obstacle(4, 0),
            "trimmed_mean needs n > 2f = 4 updates, found n = 4 with f = 2");
  EXPECT_FALSE(rule.needs_declared_f());
  EXPECT_TRUE(PipelineFrom({}, "trimmed_mean").needs_declared_f());
  const Pipeline share = PipelineFrom({}, "{name: trimmed_mean, fraction: .4}");
  EXPECT_FALSE(share.needs_declared_f());
  EXPECT_EQ(share.Obstacle(4, 3), "");
}

TEST(TrimmedMean, RefusesBothKeys) {
  try {
    FromText("{name: trimmed_mean, f: 1, fraction: 0.1}");
    ADD_FAILURE() << "accepted";
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("f or fraction, not both"));
  }
}

TEST(TrimmedMean, SurvivesAnything) {
  ExpectSurvives("trimmed_mean", 10, 3, /*bounded=*/true);
  ExpectSurvives("trimmed_mean", 7, 3, /*bounded=*/true);
  ExpectSurvives("{name: trimmed_mean, fraction: 0.45}", 10, 3, true);
}

}  // namespace
}  // namespace fedtorch::aggregate
