#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CosineFilter, AdmitsWhatFlameAdmits) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    const auto n = static_cast<std::int64_t>(seed);
    const RandomRows rows = RandomRows::Draw(seed, n, 80, (n - 1) / 2);
    const std::vector<double> model(80, 3.0);
    for (const Context& context : {Context{}, Context{.model = model}}) {
      const Pipeline filtered = PipelineFrom({"cosine_filter"}, "median");
      const Pipeline flame = PipelineFrom({}, "{name: flame, lambda: 0}");
      for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
        const std::vector<std::int64_t> kept =
            flame.Aggregate(table, context).kept;
        EXPECT_GE(static_cast<std::int64_t>(kept.size()), n / 2 + 1);
        EXPECT_EQ(filtered.Aggregate(table, context).vector,
                  FromText("median")
                      ->Aggregate(Inputs(table).Select(kept), context)
                      .vector);
      }
    }
  }
}

TEST(CosineFilter, PassesRowsAsTheyAre) {
  // Nothing is clipped, and the zero coordinate shows who is left.
  const std::vector<std::vector<double>> rows = {
      {1, 0}, {2, 0}, {9, 0}, {0, 10}, {0, -20}};
  const Result result =
      PipelineFrom({"cosine_filter"}, "mean").Aggregate(TableOf(rows), {});
  EXPECT_THAT(result.vector, ElementsAre(4.0, 0.0));
}

TEST(CosineFilter, PromisesAMajority) {
  // 7 of 12 may be left: krum's 2f + 3 = 7 fits with f = 2 and not with 3.
  const Pipeline pipeline = PipelineFrom({"cosine_filter"}, "krum");
  EXPECT_THAT(pipeline.Obstacle(12, 2), IsEmpty());
  EXPECT_THAT(pipeline.Obstacle(12, 3), HasSubstr("found n = 7 with f = 3"));
}

}  // namespace
}  // namespace fedtorch::aggregate
