#include "fedtorch/core/errors.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

std::vector<double> Slow(const Rows& rows,
                         const std::vector<double>& pivot,
                         std::int64_t f) {
  std::vector<double> distances;
  for (const auto& row : rows) distances.push_back(DirectSquared(row, pivot));
  return DirectMean(
      rows,
      DirectSmallest(distances, static_cast<std::int64_t>(rows.size()) - f));
}

TEST(Monna, AveragesTheNearestToAClient) {
  const Result result = ResultOf("{name: monna, f: 1, client: 1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.scores, ElementsAre(27.0, 0.0, 27.0));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(Monna, EqualsItsSlowVersion) {
  const auto least = [](std::int64_t f) { return 2 * f + 1; };
  ExpectSlow(
      "{name: monna, f: F, client: 0}",
      least,
      [](const Rows& rows, std::int64_t f) { return Slow(rows, rows[0], f); });
  ExpectSlow(
      "{name: monna, f: F}", least, [](const Rows& rows, std::int64_t f) {
        return Slow(rows, ResultOf("median", rows).vector, f);
      });
}

TEST(Monna, TakesARuleOfInnerProductsForAPivot) {
  ExpectSlow(
      "{name: monna, f: F, pivot: {name: krum, f: F}}",
      [](std::int64_t f) { return 2 * f + 3; },
      [](const Rows& rows, std::int64_t f) {
        const std::string krum = "{name: krum, f: " + std::to_string(f) + "}";
        return Slow(rows, ResultOf(krum, rows).vector, f);
      });
  // An attack sees the same coefficients that the values give.
  const Rows rows = DrawRows(3, 9, 20, 2);
  const UpdateTable table = TableOf(rows);
  const Pipeline pipeline =
      PipelineFrom({}, "{name: monna, f: 2, pivot: {name: krum, f: 2}}");
  const Inputs inputs(table);
  const auto coefficients = pipeline.Coefficients(inputs, {});
  ASSERT_TRUE(coefficients.has_value());
  EXPECT_THAT(
      inputs.Combine(*coefficients),
      Pointwise(DoubleNear(1e-12), pipeline.Aggregate(table, {}).vector));
  EXPECT_FALSE(
      PipelineFrom({}, "{name: monna, f: 2}").Coefficients(inputs, {}));
}

TEST(Monna, FollowsItsClientPastRowsThatAreNotFinite) {
  Rows rows = DrawRows(4, 6, 3, 0);
  rows[0][1] = std::numeric_limits<double>::quiet_NaN();
  const Rows rest(rows.begin() + 1, rows.end());
  // Client 3 is the third of those left; one of two adversaries is found out.
  const Result result = ResultOf("{name: monna, f: 2, client: 3}", rows);
  EXPECT_THAT(result.vector,
              Pointwise(DoubleNear(1e-12), Slow(rest, rows[3], 1)));
  ASSERT_EQ(result.scores.size(), 5u);
  EXPECT_EQ(result.scores[2], 0.0);
  EXPECT_NEAR(result.scores[0], DirectSquared(rows[1], rows[3]), 1e-9);
}

TEST(Monna, NamesAClientThatIsNotThere) {
  try {
    ResultOf("{name: monna, f: 1, client: 9}", InputA());
    FAIL() << "a client that is not there";
  } catch (const core::RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("its pivot, client 9, among the 3"));
  }
}

TEST(Monna, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: monna, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: monna, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
  EXPECT_THAT(PipelineFrom({}, "{name: monna, f: 1, pivot: {name: krum, f: 1}}")
                  .Obstacle(4, 0),
              HasSubstr("krum needs n >= 2f + 3 = 5"));
}

TEST(Monna, RefusesARuleBesideAClient) {
  EXPECT_THROW(
      PipelineFrom({}, "{name: monna, f: 1, client: 0, pivot: median}"),
      core::ConfigError);
}

TEST(Monna, TakesAnyRows) {
  ExpectTame("{name: monna, f: 3}", 7, 3);
  ExpectTame("{name: monna, f: 3, pivot: {name: krum, f: 3}}", 9, 3);
  ExpectTame("{name: monna, f: 0}", 1, 0);
  // A client that is one of the adversaries takes the answer along.
  ExpectTame("{name: monna, f: 3, client: 4}", 9, 3);
  ExpectTame("{name: monna, f: 3, client: 0}", 9, 3, false);
}

}  // namespace
}  // namespace fedtorch::aggregate
