#include "fedtorch/aggregate/pre/preaggregator.h"
#include "fedtorch/config/document.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

std::unique_ptr<pre::PreAggregator> Stage(std::int64_t f) {
  auto document = config::Document::FromText(
      "stage: {name: nnm, f: " + std::to_string(f) + "}", "nnm_test.yaml");
  auto root = document.Root();
  auto stage = config::MakeKind(
      root, {.name = "stage", .help = ""}, pre::AllKinds(), std::nullopt);
  document.Finish();
  return stage;
}

// The mixed rows, by their values.
Rows MixedRows(const UpdateTable& table, std::int64_t f) {
  const Inputs inputs(table);
  const Inputs mixed = inputs.Mixed(Stage(f)->Mix(inputs, {}));
  Rows rows;
  mixed.table().Visit([&](auto pointers) {
    for (const auto* row : pointers) {
      rows.emplace_back(row, row + table.dimension);
    }
  });
  return rows;
}

Rows SlowMixed(const Rows& rows, std::int64_t f) {
  Rows mixed;
  for (const auto& row : rows) {
    std::vector<double> distances;
    for (const auto& other : rows) {
      distances.push_back(DirectSquared(row, other));
    }
    mixed.push_back(DirectMean(
        rows,
        DirectSmallest(distances, static_cast<std::int64_t>(rows.size()) - f)));
  }
  return mixed;
}

TEST(Nnm, MixesTheNearestTwoOfThree) {
  const Rows rows = InputA();
  EXPECT_THAT(MixedRows(TableOf(rows), 1),
              ElementsAre(ElementsAre(2.5, 3.5, 4.5),
                          ElementsAre(2.5, 3.5, 4.5),
                          ElementsAre(5.5, 6.5, 7.5)));
}

TEST(Nnm, EqualsItsSlowVersion) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto n = static_cast<std::int64_t>(2 + seed % 9);
    for (const std::int64_t d : {1, 7, 3000}) {
      const Rows rows = DrawRows(seed, n, d, n / 3);
      std::vector<float> flat;
      for (const auto& row : rows)
        flat.insert(flat.end(), row.begin(), row.end());
      const UpdateTable floats =
          UpdateTable::Of(std::span<const float>(flat), d);
      for (std::int64_t f = 0; f < n; ++f) {
        const Rows expected = SlowMixed(rows, f);
        const Rows found = MixedRows(TableOf(rows), f);
        const Rows found_floats = MixedRows(floats, f);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          EXPECT_THAT(found[i], Pointwise(DoubleNear(1e-10), expected[i]));
          EXPECT_THAT(found_floats[i],
                      Pointwise(DoubleNear(2e-5), expected[i]));
        }
      }
    }
  }
}

TEST(Nnm, NeverNeedsMixedValuesBehindALinearRule) {
  const Rows rows = DrawRows(3, 9, 40, 2);
  const Pipeline pipeline =
      PipelineFrom({"{name: nnm, f: 2}"}, "{name: krum, f: 2}");
  const Inputs inputs(TableOf(rows));
  const auto coefficients = pipeline.Coefficients(inputs, {});
  ASSERT_TRUE(coefficients.has_value());
  const Rows mixed = SlowMixed(rows, 2);
  EXPECT_THAT(inputs.Combine(*coefficients),
              Pointwise(DoubleNear(1e-10),
                        ResultOf("{name: krum, f: 2}", mixed).vector));
}

TEST(Nnm, MixesAllWithoutAdversaries) {
  const Rows rows = DrawRows(4, 6, 12, 1);
  Subset all(rows.size());
  std::iota(all.begin(), all.end(), 0);
  for (const auto& row : MixedRows(TableOf(rows), 0)) {
    EXPECT_THAT(row, Pointwise(DoubleNear(1e-12), DirectMean(rows, all)));
  }
}

TEST(Nnm, LeavesIdenticalRowsAsTheyAre) {
  for (const double value : {0.0, 1.5, 1e20, 1e-310}) {
    const Rows rows(7, std::vector<double>(9, value));
    for (const auto& row : MixedRows(TableOf(rows), 3)) {
      for (const double out : row) {
        // The smallest steps near denormals are 5e-324.
        EXPECT_NEAR(out, value, 1e-15 * value + 1e-323);
      }
    }
  }
}

TEST(Nnm, KeepsHugeRowsAmongThemselves) {
  Rows rows = DrawRows(5, 9, 30, 0);
  for (const std::size_t bad : {1u, 4u, 8u}) rows[bad].assign(30, 1e20);
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const Rows expected = SlowMixed(rows, 3);
  const Rows found = MixedRows(TableOf(rows), 3);
  const Rows floats =
      MixedRows(UpdateTable::Of(std::span<const float>(flat), 30), 3);
  for (std::size_t i = 0; i < 9; ++i) {
    if (i == 1 || i == 4 || i == 8) continue;
    EXPECT_THAT(found[i], Pointwise(DoubleNear(1e-9), expected[i]));
    EXPECT_THAT(floats[i], Pointwise(DoubleNear(2e-5), expected[i]));
  }
  for (const std::string rule :
       {"median", "{name: krum, f: 3}", "{name: caf, f: 3}"}) {
    const Result result =
        PipelineFrom({"{name: nnm, f: 3}"}, rule).Aggregate(TableOf(rows), {});
    for (const double value : result.vector) {
      EXPECT_LT(std::fabs(value), 30.0) << rule;
    }
  }
}

TEST(Nnm, KeepsItsKappaBeforeTheMedian) {
  for (const auto& [n, f] :
       {std::pair<std::int64_t, std::int64_t>{5, 1}, {7, 2}, {9, 3}, {10, 4}}) {
    const double share =
        static_cast<double>(f) / static_cast<double>(n - 2 * f);
    const double median = 4.0 * (1.0 + share) * (1.0 + share);
    const double bound = 8.0 * static_cast<double>(f) /
                         static_cast<double>(n - f) * (1.0 + median);
    const Pipeline pipeline =
        PipelineFrom({"{name: nnm, f: " + std::to_string(f) + "}"}, "median");
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Rows rows = DrawAttacked(seed, n, f);
      EXPECT_LE(Kappa(rows, pipeline.Aggregate(TableOf(rows), {}).vector, f),
                bound)
          << "n = " << n << " seed " << seed;
    }
  }
}

TEST(Nnm, CountsRowsSetAsideAgainstF) {
  Rows rows = DrawRows(6, 7, 4, 0);
  rows[2][0] = INFINITY;
  Rows rest = rows;
  rest.erase(rest.begin() + 2);
  // One of two adversaries is found out already.
  EXPECT_THAT(PipelineFrom({"{name: nnm, f: 2}"}, "median")
                  .Aggregate(TableOf(rows), {})
                  .vector,
              Pointwise(DoubleNear(1e-12),
                        ResultOf("median", SlowMixed(rest, 1)).vector));
}

TEST(Nnm, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(Stage(3)->Obstacle(4, 0), "");
  EXPECT_THAT(Stage(3)->Obstacle(3, 0),
              HasSubstr("n > f updates, found n = 3 with f = 3"));
}

}  // namespace
}  // namespace fedtorch::aggregate
