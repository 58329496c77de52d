// What holds for every rule that joins updates.

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/aggregate/aggregate_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace fedtorch::aggregate {
namespace {

// Slow versions, one coordinate at a time: the values of the coordinate and
// the weights of the rows give one number.
using Column = std::vector<double>;
using Slow = double (*)(Column values, const Column& weights);

double SlowMean(Column values, const Column& weights) {
  long double sum = 0.0L;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += static_cast<long double>(weights[i]) * values[i];
  }
  return static_cast<double>(sum);
}

double SlowMedian(Column values, const Column& /*weights*/) {
  std::sort(values.begin(), values.end());
  const std::size_t size = values.size();
  return 0.5 * (values[(size - 1) / 2] + values[size / 2]);
}

// Rules that treat every coordinate on its own.
const std::map<std::string_view, Slow>& SlowVersions() {
  static const std::map<std::string_view, Slow> versions = {
      {"mean", SlowMean}, {"median", SlowMedian}};
  return versions;
}

std::vector<double> SlowVector(Slow slow, const Updates& updates) {
  std::vector<double> result;
  for (std::size_t j = 0; j < static_cast<std::size_t>(updates.dimension);
       ++j) {
    Column column;
    for (const auto& row : updates.rows) column.push_back(row[j]);
    result.push_back(slow(column, updates.weights));
  }
  return result;
}

testing::Matcher<std::vector<double>> Near(const std::vector<double>& values) {
  return testing::Pointwise(testing::DoubleNear(1e-12), values);
}

// Sizes around the widths of blocks, and both parities.
std::vector<Updates> ManyUpdates() {
  std::vector<Updates> all;
  std::uint64_t seed = 0;
  for (const std::int64_t rows : {1, 2, 3, 10, 11}) {
    for (const std::int64_t dimension : {1, 15, 64, 65, 2047, 4100}) {
      all.push_back(DrawUpdates(++seed, rows, dimension));
    }
  }
  return all;
}

std::vector<const Kind*> ColumnRules() {
  std::vector<const Kind*> rules;
  for (const Kind* kind : AllKinds()) {
    if (SlowVersions().contains(kind->name)) rules.push_back(kind);
  }
  return rules;
}

class EveryColumnRule : public testing::TestWithParam<const Kind*> {
 protected:
  std::unique_ptr<Aggregator> Make() const {
    return FromText(std::string(GetParam()->name));
  }
};

TEST_P(EveryColumnRule, EqualsItsSlowVersion) {
  const auto slow = SlowVersions().find(GetParam()->name);
  ASSERT_NE(slow, SlowVersions().end())
      << "write a slow version of " << GetParam()->name << " into this file";
  for (const Updates& updates : ManyUpdates()) {
    EXPECT_THAT(VectorOf(*Make(), updates),
                Near(SlowVector(slow->second, updates)));
  }
}

TEST_P(EveryColumnRule, IgnoresTheOrderOfTheRowsToTheBit) {
  for (const Updates& updates : ManyUpdates()) {
    std::vector<std::size_t> order(updates.rows.size());
    std::iota(order.begin(), order.end(), 0);
    core::Stream::Named(1, "order").Shuffle(std::span(order));
    Updates permuted;
    permuted.dimension = updates.dimension;
    for (const std::size_t row : order) {
      permuted.rows.push_back(updates.rows[row]);
      permuted.weights.push_back(updates.weights[row]);
    }
    EXPECT_EQ(VectorOf(*Make(), permuted), VectorOf(*Make(), updates));
  }
}

TEST_P(EveryColumnRule, MovesWithTheRows) {
  for (const Updates& updates : ManyUpdates()) {
    std::vector<double> expected = VectorOf(*Make(), updates);
    Updates moved = updates;
    for (std::size_t j = 0; j < expected.size(); ++j) {
      const float shift = static_cast<float>(j % 7) - 2.5f;
      expected[j] += static_cast<double>(shift);
      for (auto& row : moved.rows) row[j] += shift;
    }
    EXPECT_THAT(VectorOf(*Make(), moved), Near(expected));
  }
}

TEST_P(EveryColumnRule, ScalesWithTheRows) {
  for (const float scale : {4.0f, 0.125f, -0.5f}) {
    for (const Updates& updates : ManyUpdates()) {
      std::vector<double> expected = VectorOf(*Make(), updates);
      for (double& value : expected) value *= static_cast<double>(scale);
      Updates scaled = updates;
      for (auto& row : scaled.rows) {
        for (float& value : row) value *= scale;
      }
      EXPECT_THAT(VectorOf(*Make(), scaled), Near(expected));
    }
  }
}

TEST_P(EveryColumnRule, ReturnsTheOnlyRow) {
  Updates updates = DrawUpdates(3, 1, 200);
  updates.weights = {1.0};
  const std::vector<float> row = updates.rows.front();
  EXPECT_EQ(VectorOf(*Make(), updates),
            std::vector<double>(row.begin(), row.end()));
}

TEST_P(EveryColumnRule, ReturnsTheRowThatAllAgreeOn) {
  Updates updates = DrawUpdates(4, 9, 200);
  for (auto& row : updates.rows) row = updates.rows.front();
  const std::vector<float> row = updates.rows.front();
  EXPECT_THAT(VectorOf(*Make(), updates),
              Near(std::vector<double>(row.begin(), row.end())));
}

TEST_P(EveryColumnRule, TreatsCoordinatesInAnyCut) {
  const Updates updates = DrawUpdates(5, 10, 4500);
  const std::vector<double> whole = VectorOf(*Make(), updates);
  for (const std::int64_t cut : {std::int64_t{1},
                                 std::int64_t{100},
                                 std::int64_t{2048},
                                 std::int64_t{4499}}) {
    std::vector<double> joined;
    for (const auto& [first, last] :
         {std::pair<std::int64_t, std::int64_t>{0, cut}, {cut, 4500}}) {
      Updates part = updates;
      part.dimension = last - first;
      for (std::size_t i = 0; i < part.rows.size(); ++i) {
        part.rows[i].assign(updates.rows[i].begin() + first,
                            updates.rows[i].begin() + last);
      }
      const std::vector<double> vector = VectorOf(*Make(), part);
      joined.insert(joined.end(), vector.begin(), vector.end());
    }
    EXPECT_EQ(joined, whole);
  }
}

TEST_P(EveryColumnRule, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Updates updates = DrawUpdates(6, 12, 50000);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1u, 4u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(VectorOf(*Make(), updates));
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(EveryColumnRule, LeavesItsRowsAlone) {
  Updates updates = DrawUpdates(7, 8, 300);
  const UpdateTable table = updates.Table();
  Make()->Aggregate(Inputs(table), {.f = 1});
  std::size_t i = 0;
  for (const float* row : std::get<0>(table.rows)) {
    EXPECT_TRUE(
        std::equal(updates.rows[i].begin(), updates.rows[i].end(), row));
    ++i;
  }
}

TEST_P(EveryColumnRule, TakesAModelWithoutCoordinates) {
  EXPECT_TRUE(VectorOf(*Make(), DrawUpdates(8, 3, 0)).empty());
}

TEST_P(EveryColumnRule, RefusesATableWithoutRows) {
  EXPECT_THROW(VectorOf(*Make(), DrawUpdates(9, 0, 5)), core::Bug);
}

TEST_P(EveryColumnRule, StatesWhereItComesFrom) {
  EXPECT_FALSE(GetParam()->summary.empty());
  EXPECT_FALSE(GetParam()->source.empty());
  EXPECT_FALSE(GetParam()->preconditions.empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EveryColumnRule,
                         testing::ValuesIn(ColumnRules()),
                         [](const auto& one) {
                           return std::string(one.param->name);
                         });

TEST(AggregateKinds, AreNamedAsTheirFiles) {
  std::vector<std::string_view> names;
  for (const Kind* kind : Kinds()) names.push_back(kind->name);
  EXPECT_THAT(names, testing::ElementsAreArray(KindFileStems()));
  EXPECT_THAT(names, testing::IsSupersetOf({"mean", "median"}));
}

}  // namespace
}  // namespace fedtorch::aggregate
