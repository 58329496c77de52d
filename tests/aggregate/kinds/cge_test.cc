#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Cge, AveragesTheShortest) {
  const Result result = ResultOf("{name: cge, f: 1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.scores, ElementsAre(14.0, 77.0, 194.0));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

TEST(Cge, EqualsItsSlowVersion) {
  ExpectSlow(
      "{name: cge, f: F}",
      [](std::int64_t f) { return 2 * f + 1; },
      [](const Rows& rows, std::int64_t f) {
        std::vector<double> norms;
        for (const auto& row : rows) {
          norms.push_back(
              DirectSquared(row, std::vector<double>(row.size(), 0.0)));
        }
        return DirectMean(
            rows,
            DirectSmallest(norms, static_cast<std::int64_t>(rows.size()) - f));
      });
}

TEST(Cge, TakesTheLowestIndexOfEqualNorms) {
  EXPECT_THAT(ResultOf("{name: cge, f: 1}", {{0, 2}, {2, 0}, {0, -2}}).kept,
              ElementsAre(0, 1));
}

TEST(Cge, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(PipelineFrom({}, "{name: cge, f: 2}").Obstacle(5, 0), "");
  EXPECT_THAT(PipelineFrom({}, "{name: cge, f: 2}").Obstacle(4, 0),
              HasSubstr("n > 2f = 4 updates, found n = 4 with f = 2"));
}

TEST(Cge, TakesAnyRows) {
  ExpectTame("{name: cge, f: 3}", 7, 3);
  ExpectTame("{name: cge, f: 0}", 1, 0);
}

}  // namespace
}  // namespace fedtorch::aggregate
