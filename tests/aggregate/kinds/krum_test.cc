#include "tests/aggregate/aggregate_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Krum, TakesTheFirstOfThree) {
  const Result result =
      ResultOf("{name: krum, f: 1, neighbors: n-f-1}", InputA());
  EXPECT_THAT(result.vector, ElementsAre(1.0, 2.0, 3.0));
  EXPECT_THAT(result.scores, ElementsAre(27.0, 27.0, 27.0));
  EXPECT_THAT(result.kept, ElementsAre(0));
}

TEST(Krum, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_THAT(PipelineFrom({}, "{name: krum, f: 1}").Obstacle(4, 0),
              HasSubstr("n >= 2f + 3 = 5 updates, found n = 4 with f = 1"));
}

TEST(Krum, WorksBehindNearestNeighbourMixing) {
  // Two of three rows are averaged each; the first two become the same.
  const Result result = PipelineFrom({"{name: nnm, f: 1}"},
                                     "{name: krum, f: 1, neighbors: n-f-1}")
                            .Aggregate(TableOf(InputA()), {});
  EXPECT_THAT(result.vector, ElementsAre(2.5, 3.5, 4.5));
  EXPECT_THAT(result.kept, ElementsAre(0, 1));
}

}  // namespace
}  // namespace fedtorch::aggregate
