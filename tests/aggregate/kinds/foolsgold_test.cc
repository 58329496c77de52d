#include "fedtorch/core/errors.h"
#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

// The published loop, line by line, on sums.
std::vector<double> SlowWeights(const Rows& sums) {
  const std::size_t n = sums.size();
  Rows cs(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      long double xy = 0, xx = 0, yy = 0;
      for (std::size_t k = 0; k < sums[i].size(); ++k) {
        xy += static_cast<long double>(sums[i][k]) * sums[j][k];
        xx += static_cast<long double>(sums[i][k]) * sums[i][k];
        yy += static_cast<long double>(sums[j][k]) * sums[j][k];
      }
      cs[i][j] = i == j ? 0.0 : static_cast<double>(xy / std::sqrt(xx * yy));
    }
  }
  std::vector<double> most(n);
  for (std::size_t i = 0; i < n; ++i) {
    most[i] = *std::max_element(cs[i].begin(), cs[i].end());
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (most[i] < most[j]) cs[i][j] *= most[i] / most[j];
    }
  }
  std::vector<double> w(n);
  for (std::size_t i = 0; i < n; ++i) {
    w[i] = 1 - *std::max_element(cs[i].begin(), cs[i].end());
  }
  const double top = *std::max_element(w.begin(), w.end());
  for (double& value : w) {
    value = std::min(0.99, value / top);
    value = std::min(1.0, std::max(0.0, std::log(value / (1 - value)) + 0.5));
  }
  return w;
}

TEST(Foolsgold, GivesCopiesNoWeight) {
  // Two that say the same, one that says something else.
  const Rows rows = {{1, 0}, {2, 0}, {0, 3}};
  const Result result = ResultOf("foolsgold", rows);
  EXPECT_THAT(result.scores, ElementsAre(0.0, 0.0, 1.0));
  EXPECT_THAT(result.vector, ElementsAre(0.0, 3.0));
  EXPECT_THAT(result.kept, ElementsAre(2));
}

TEST(Foolsgold, SumsOrAverages) {
  const Rows rows = {{1, 0}, {0, 2}, {-1, 0}};
  EXPECT_THAT(ResultOf("{name: foolsgold, normalize: false}", rows).vector,
              ElementsAre(0.0, 2.0));
  EXPECT_THAT(ResultOf("foolsgold", rows).vector,
              ElementsAre(DoubleNear(0.0, 1e-15), DoubleNear(2.0 / 3, 1e-15)));
}

TEST(Foolsgold, EqualsThePublishedLoop) {
  for (const std::int64_t n : {2, 3, 6, 11}) {
    for (const std::int64_t d : {1, 2, 5, 40}) {
      const Updates drawn =
          DrawUpdates(static_cast<std::uint64_t>(100 * n + d), n, d);
      Rows rows;
      for (const auto& row : drawn.rows) {
        rows.emplace_back(row.begin(), row.end());
      }
      Updates floats = drawn;
      const auto weights =
          FromText("foolsgold")->Aggregate(Inputs(floats.Table()), {}).scores;
      if (d == 1) continue;  // all cosines are 1 or -1: nothing but rounding
      EXPECT_THAT(ResultOf("foolsgold", rows).scores,
                  Pointwise(DoubleNear(1e-9), SlowWeights(rows)));
      EXPECT_THAT(weights, Pointwise(DoubleNear(1e-5), SlowWeights(rows)));
    }
  }
}

TEST(Foolsgold, AddsUpByClientNotByPlace) {
  Player player("foolsgold", 0, 2);
  player.Play({{{1, 0}, {0, 1}, {1, 1}}, {4, 7, 9}});
  // Client 7 is away, 12 is new: the sums are (1, 2), (3, 0) and (1, 2).
  const Result result = player.Play({{{0, 2}, {2, -1}, {1, 2}}, {4, 9, 12}});
  EXPECT_THAT(result.scores,
              Pointwise(DoubleNear(1e-9), std::vector<double>{0.0, 1.0, 0.0}));
}

TEST(Foolsgold, MovesNothingWhereAllAreCopies) {
  EXPECT_THAT(ResultOf("foolsgold", {{1, 2}, {1, 2}, {2, 4}}).vector,
              ElementsAre(0.0, 0.0));
}

TEST(Foolsgold, KeepsAClientThatIsAlone) {
  EXPECT_THAT(ResultOf("foolsgold", {{1, 2}}).vector, ElementsAre(1.0, 2.0));
}

TEST(Foolsgold, PicksTheLargestWeightsOfEachClassBySize) {
  // Layer [2 inputs, 2 classes] behind one other value; class 0 has weights 1
  // and -5, class 1 has 2 and 1.
  const std::vector<Block> blocks = {
      {.name = "0.dense.bias", .offset = 0, .size = 1, .shape = {1}},
      {.name = "1.dense.weight", .offset = 1, .size = 4, .shape = {2, 2}}};
  const std::vector<double> model = {9, 1, 2, -5, 1};
  const Context context{.model = model, .blocks = blocks};
  // Rows 0 and 1 agree where it counts (values 2 and 3), and nowhere else.
  const Rows rows = {{5, 7, 1, 2, -8}, {-5, -7, 1, 2, 8}, {5, 7, 2, -1, -8}};
  EXPECT_THAT(ResultOf("{name: foolsgold, features: output_layer, top_k: 0.5}",
                       rows,
                       context)
                  .scores,
              ElementsAre(0.0, 0.0, 1.0));
  EXPECT_THAT(ResultOf("foolsgold", rows, context).scores,
              ElementsAre(testing::Lt(0.5), 1.0, testing::Lt(0.5)));
  EXPECT_THROW(
      ResultOf("{name: foolsgold, features: output_layer, top_k: 0.5}", rows),
      core::RunError);
  EXPECT_ANY_THROW(FromText("{name: foolsgold, top_k: 0.5}"));
}

TEST(Foolsgold, ResumesToTheBit) { ExpectResumes("foolsgold", 0); }

TEST(Foolsgold, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 5}) {
    ExpectSurvives("foolsgold", 0, n);
    ExpectSurvives("{name: foolsgold, normalize: false}", n / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
