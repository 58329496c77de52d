// What holds for the rules that choose or weigh rows by distances and spreads.

#include "fedtorch/core/stream.h"
#include "tests/aggregate/direct_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

struct Rule {
  std::string name;
  std::string text;
  bool moves = true;   // with its inputs
  bool scales = true;  // with its inputs
  bool linear = true;  // an attack may ask for its coefficients
  bool orders = true;  // ignores the order of its inputs
};

std::ostream& operator<<(std::ostream& out, const Rule& rule) {
  return out << rule.text;
}

// All stand n = 11 with f = 2.
const std::vector<Rule>& Rules() {
  static const std::vector<Rule> rules = {
      {"krum", "{name: krum, f: 2}"},
      {"multi_krum", "{name: multi_krum, f: 2}"},
      {"multi_krum_iterative", "{name: multi_krum, f: 2, iterative: true}"},
      {"ar_krum", "ar_krum"},
      // Its last choice has one neighbour: two rows nearest to each other tie.
      {"bulyan", "{name: bulyan, f: 2}", true, true, false, false},
      {"bulyan_averages",
       "{name: bulyan, f: 2, selection: multi_krum}",
       true,
       true,
       false},
      {"mda", "{name: mda, f: 2}"},
      {"mva", "{name: mva, f: 2}"},
      {"smea", "{name: smea, f: 2}"},
      {"smea_greedy", "{name: smea, f: 2, exact_subsets: 1}"},
      {"caf", "{name: caf, f: 2}"},
      {"filter_l2", "{name: filter_l2, f: 2, sigma: 0.3}", true, false},
      {"monna", "{name: monna, f: 2}", true, true, false},
      {"monna_krum", "{name: monna, f: 2, pivot: {name: krum, f: 2}}"},
      {"cge", "{name: cge, f: 2}", false},
      {"aksel", "{name: aksel, f: 2}", true, true, false},
      {"dnc", "{name: dnc, f: 2, coordinates: 0.5}", true, true, false}};
  return rules;
}

class DistanceRule : public testing::TestWithParam<Rule> {
 protected:
  static Rows Draw(std::uint64_t seed) { return DrawRows(seed, 11, 300, 2); }
  static std::vector<double> Run(const Rows& rows) {
    return ResultOf(GetParam().text, rows).vector;
  }
};

TEST_P(DistanceRule, IgnoresTheOrderOfTheRows) {
  bool ignored = true;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Rows rows = Draw(seed);
    Rows permuted = rows;
    core::Stream::Named(seed, "order").Shuffle(std::span(permuted));
    ignored = ignored && testing::Matches(Pointwise(DoubleNear(1e-9),
                                                    Run(rows)))(Run(permuted));
  }
  EXPECT_EQ(ignored, GetParam().orders);
}

TEST_P(DistanceRule, MovesWithTheRows) {
  bool moved = true;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Rows rows = Draw(seed);
    std::vector<double> expected = Run(rows);
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const double shift = 100.0 * static_cast<double>(k % 7) - 250.0;
      expected[k] += shift;
      for (auto& row : rows) row[k] += shift;
    }
    moved = moved &&
            testing::Matches(Pointwise(DoubleNear(1e-8), expected))(Run(rows));
  }
  EXPECT_EQ(moved, GetParam().moves);
}

TEST_P(DistanceRule, ScalesWithTheRows) {
  bool scaled = true;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (const double scale : {4096.0, 0.3, 1e-12}) {
      Rows rows = Draw(seed);
      std::vector<double> expected = Run(rows);
      for (double& value : expected) value *= scale;
      for (auto& row : rows) {
        for (double& value : row) value *= scale;
      }
      scaled = scaled && testing::Matches(Pointwise(DoubleNear(1e-9 * scale),
                                                    expected))(Run(rows));
    }
  }
  EXPECT_EQ(scaled, GetParam().scales);
}

TEST_P(DistanceRule, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Rows rows = DrawRows(3, 11, 50000, 2);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1u, 4u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(FloatResultOf(GetParam().text, rows).vector);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(DistanceRule, GivesTheCoefficientsOfItsAnswer) {
  const Rows rows = Draw(4);
  const UpdateTable table = TableOf(rows);
  const Pipeline pipeline =
      PipelineFrom({"{name: nnm, f: 1}"}, GetParam().text);
  const Inputs inputs(table);
  const auto coefficients = pipeline.Coefficients(inputs, {});
  ASSERT_EQ(coefficients.has_value(), GetParam().linear);
  if (!coefficients) return;
  EXPECT_NEAR(std::accumulate(coefficients->begin(), coefficients->end(), 0.0),
              1.0,
              1e-12);
  EXPECT_THAT(
      inputs.Combine(*coefficients),
      Pointwise(DoubleNear(1e-9), pipeline.Aggregate(table, {}).vector));
}

TEST_P(DistanceRule, ListsTheRowsThatEnter) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Rows rows = Draw(seed);
    const Result before = ResultOf(GetParam().text, rows);
    ASSERT_FALSE(before.kept.empty());
    EXPECT_TRUE(std::is_sorted(before.kept.begin(), before.kept.end()));
    // A row that is not finite is counted, but is not there.
    rows.insert(rows.begin(), std::vector<double>(300, NAN));
    const std::string& text = GetParam().text;
    if (text.find("f: 2") == std::string::npos) continue;
    std::string three = text;
    for (std::size_t at = three.find("f: 2"); at != std::string::npos;
         at = three.find("f: 2")) {
      three.replace(at, 4, "f: 3");
    }
    if (text.find("bulyan") != std::string::npos) continue;
    const Result after = ResultOf(three, rows);
    Subset shifted = before.kept;
    for (std::int64_t& row : shifted) ++row;
    EXPECT_EQ(after.kept, shifted);
    EXPECT_EQ(after.vector, before.vector);
  }
}

TEST_P(DistanceRule, TakesAThousandRowsAndOneCoordinate) {
  const Rows rows = DrawRows(5, 1000, 1, 2);
  for (const double value : FloatResultOf(GetParam().text, rows).vector) {
    EXPECT_LT(std::fabs(value), 30.0);
  }
}

TEST_P(DistanceRule, TakesAModelWithoutCoordinates) {
  Updates updates = DrawUpdates(8, 11, 0);
  EXPECT_TRUE(PipelineFrom({}, GetParam().text)
                  .Aggregate(updates.Table(), {})
                  .vector.empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         DistanceRule,
                         testing::ValuesIn(Rules()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace fedtorch::aggregate
