#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(SignFilter, PassesWhatSignguardAdmitsAsItIs) {
  const std::vector<std::vector<double>> rows = {{2, 2, 2},
                                                 {2, 2, 2},
                                                 {2, 2, 2},
                                                 {5, 5, 5},
                                                 {.1, .1, .1},
                                                 {20, 20, 20},
                                                 {-2, -2, -2},
                                                 {-2, -2, -2}};
  const Result result = PipelineFrom({"{name: sign_filter, share: 1}"}, "mean")
                            .Aggregate(TableOf(rows), {});
  // (2 + 2 + 2 + 5) / 4: nothing is clipped.
  EXPECT_THAT(result.vector, Each(DoubleNear(2.75, 1e-12)));
}

TEST(SignFilter, AdmitsTheSameRowsAsSignguard) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RandomRows rows =
        RandomRows::Draw(seed, 4 + static_cast<std::int64_t>(seed), 200, 2);
    const std::vector<double> previous = rows.values[0];
    for (const std::string keys :
         {"share: 1",
          "share: 1, clustering: kmeans",
          "share: 1, variant: sim",
          "share: 1, variant: dist, clustering: dbscan, radius: 0.3"}) {
      for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
        const Context context{.previous = previous};
        const std::vector<std::int64_t> kept =
            PipelineFrom({}, "{name: signguard, " + keys + "}")
                .Aggregate(table, context)
                .kept;
        ASSERT_THAT(kept, Not(IsEmpty()));
        EXPECT_EQ(PipelineFrom({"{name: sign_filter, " + keys + "}"}, "median")
                      .Aggregate(table, context)
                      .vector,
                  FromText("median")
                      ->Aggregate(Inputs(table).Select(kept), context)
                      .vector);
      }
    }
  }
}

TEST(SignFilter, PassesAZeroVectorWhenNobodyIsAdmitted) {
  const Result result =
      PipelineFrom(
          {"{name: sign_filter, share: 1, clustering: dbscan, min_points: 9}"},
          "median")
          .Aggregate(TableOf(InputA()), {});
  EXPECT_THAT(result.vector, ElementsAre(0.0, 0.0, 0.0));
}

TEST(SignFilter, PromisesOneVectorOnly) {
  EXPECT_THAT(PipelineFrom({"sign_filter"}, "krum").Obstacle(30, 1),
              HasSubstr("found n = 1 with f = 1"));
  EXPECT_THAT(PipelineFrom({"sign_filter"}, "median").Obstacle(30, 1),
              IsEmpty());
}

}  // namespace
}  // namespace fedtorch::aggregate
