// What every rule keeps, whatever it does: robustness 6, 7 and 13.
//
// A rule is made from its name alone; where it has to be told more, the text
// stands in Texts(). Sets below name the rules whose own definition contradicts
// a property; each was derived from the definition, not from what failed.

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/aggregate/rule_case.h"
#include "tests/aggregate/server_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace fedtorch::aggregate {
namespace {

using testing::HasSubstr;
using Names = std::set<std::string_view>;

constexpr std::int64_t kRows = 13;
constexpr std::int64_t kF = 2;
constexpr std::int64_t kDimension = 48;

// Noise off, so that properties of the rule itself are seen.
const std::map<std::string_view, std::string>& Texts() {
  static const std::map<std::string_view, std::string> texts = {
      {"norm_bounding", "{name: norm_bounding, noise: 0}"},
      {"crfl", "{name: crfl, noise: 0}"},
      {"flame", "{name: flame, lambda: 0}"},
      {"deepsight", "{name: deepsight, noise_sets: 1, noise_samples: 8}"},
      {"filter_l2", "{name: filter_l2, sigma: 2}"},
      {"fldetector", "{name: fldetector, start_round: 2}"},
  };
  return texts;
}

std::string TextOf(std::string_view name) {
  const auto found = Texts().find(name);
  return found == Texts().end() ? "{name: " + std::string(name) + "}"
                                : found->second;
}

// Everything a rule may ask for: a model of one dense layer with four classes,
// and a server whose loss is lowest at the mean of the honest rows.
class World {
 public:
  World() : model_(kDimension, 0.25) {
    server_.own = std::vector<double>(kDimension, 1.0);
    server_.loss = Bowl(std::vector<double>(kDimension, 1.0));
    server_.outputs = [](std::span<const double> update,
                         std::int64_t count,
                         std::uint64_t seed) {
      Matrix outputs(count, 4);
      for (std::int64_t i = 0; i < count; ++i) {
        double sum = 0.0;
        for (std::int64_t c = 0; c < 4; ++c) {
          const auto at = static_cast<std::size_t>(
              (i + 3 * c + static_cast<std::int64_t>(seed % 7)) % kDimension);
          outputs(i, c) = 1.0 + 0.1 * std::tanh(update[at]);
          sum += outputs(i, c);
        }
        for (std::int64_t c = 0; c < 4; ++c) outputs(i, c) /= sum;
      }
      return outputs;
    };
    blocks_ = {{"0.dense.weight", 0, 44, {11, 4}},
               {"0.dense.bias", 44, 4, {4}}};
  }

  Context At(std::int64_t round, std::int64_t f = kF) {
    return {.f = f,
            .seed = 5,
            .round = round,
            .model = model_,
            .blocks = blocks_,
            .server = &server_};
  }

 private:
  std::vector<double> model_;
  std::vector<Block> blocks_;
  FakeServer server_;
};

struct Hostile {
  std::string name;
  double value;
  bool one_only = false;  // a single coordinate
};

const std::vector<Hostile>& HostileRows() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static const std::vector<Hostile> rows = {
      {"+inf", kInfinity},
      {"-inf", -kInfinity},
      {"NaN", std::numeric_limits<double>::quiet_NaN()},
      {"one NaN", std::numeric_limits<double>::quiet_NaN(), true},
      {"1e20", 1e20},
      {"zero", 0.0},
      {"denormal", 1e-42}};
  return rows;
}

Rows WithHostile(Rows rows, const Hostile& hostile, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    auto& row = rows[static_cast<std::size_t>(i)];
    if (hostile.one_only) {
      row[row.size() / 2] = hostile.value;
    } else {
      std::fill(row.begin(), row.end(), hostile.value);
    }
  }
  return rows;
}

double Length(const std::vector<double>& vector) {
  return Distance(vector, std::vector<double>(vector.size(), 0.0));
}

bool IsFinite(const std::vector<double>& vector) {
  return std::all_of(vector.begin(), vector.end(), [](double value) {
    return std::isfinite(value);
  });
}

// Mean of the rows from `first` on.
std::vector<double> MeanFrom(const Rows& rows, std::size_t first) {
  std::vector<double> mean(rows.front().size());
  for (std::size_t i = first; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] += rows[i][k] / static_cast<double>(rows.size() - first);
    }
  }
  return mean;
}

class EveryRule : public testing::TestWithParam<const Kind*> {
 protected:
  std::string name() const { return std::string(GetParam()->name); }
  std::string text() const { return TextOf(GetParam()->name); }
  bool In(const Names& names) const { return names.contains(GetParam()->name); }
  bool Has(const char* room) const { return name() == room; }

  // nullopt where the rule says that it cannot, and why.
  std::optional<Result> Try(const Pipeline& pipeline,
                            const Rows& rows,
                            const Context& context,
                            bool as_float = false) {
    try {
      return Join(pipeline, rows, context, as_float);
    } catch (const core::RunError& error) {
      EXPECT_THAT(std::string(error.what()), testing::Not(testing::IsEmpty()));
      return std::nullopt;
    }
  }

  World world_;
};

std::vector<std::vector<std::string>> EveryStage() {
  std::vector<std::vector<std::string>> stages{{}};
  for (const pre::Kind* kind : pre::AllKinds()) {
    stages.push_back({"{name: " + std::string(kind->name) + "}"});
  }
  return stages;
}

TEST_P(EveryRule, SurvivesHostileRowsAloneAndBehindEveryStage) {
  // Without a breakdown point, or with one that needs a history first.
  static const Names unbounded = {"mean",          "rlr",
                                  "afa",           "foolsgold",
                                  "fedgreed",      "three_sigma",
                                  "cross_round",   "auror",
                                  "flanders",      "fldetector",
                                  "reputation",    "residual_reweighting",
                                  "slsgd",         "centered_clipping",
                                  "sign_majority", "fltrust",
                                  "crfl",          "norm_bounding",
                                  "zeno",          "filter_l2"};
  const Rows honest = DrawRows(1, kRows, kDimension);
  const std::vector<double> mean = MeanFrom(honest, kF);
  for (const auto& stages : EveryStage()) {
    const Pipeline pipeline = PipelineFrom(stages, text());
    for (const Hostile& hostile : HostileRows()) {
      const Rows rows = WithHostile(honest, hostile, kF);
      for (const bool as_float : {false, true}) {
        SCOPED_TRACE((stages.empty() ? "alone" : "behind " + stages[0]) +
                     " on " + hostile.name + (as_float ? ", float" : ""));
        const auto first = Try(pipeline, rows, world_.At(3), as_float);
        const auto again = Try(pipeline, rows, world_.At(3), as_float);
        ASSERT_EQ(first.has_value(), again.has_value());
        if (!first) continue;
        EXPECT_TRUE(IsFinite(first->vector));
        EXPECT_EQ(first->vector, again->vector);
        for (const std::int64_t row : first->kept) {
          EXPECT_GE(row, 0);
          EXPECT_LT(row, kRows);
        }
        if (stages.empty() && !In(unbounded)) {
          EXPECT_LT(Distance(first->vector, mean), 12.0);
        }
      }
    }
  }
}

TEST_P(EveryRule, ServesEveryNumberOfRowsOrSaysWhyNot) {
  const Pipeline pipeline = PipelineFrom({}, text());
  for (const std::int64_t f : {0, 1, 3}) {
    for (std::int64_t n = 1; n <= 17; ++n) {
      const Rows rows = DrawRows(static_cast<std::uint64_t>(n), n, kDimension);
      const std::string obstacle = pipeline.Obstacle(n, f);
      SCOPED_TRACE("n = " + std::to_string(n) + ", f = " + std::to_string(f));
      if (obstacle.empty()) {
        const auto result = Try(pipeline, rows, world_.At(1, f));
        if (result) {
          EXPECT_TRUE(IsFinite(result->vector));
        }
      } else {
        EXPECT_THAT(obstacle, HasSubstr("n = " + std::to_string(n)));
        EXPECT_THROW(Join(pipeline, rows, world_.At(1, f), false),
                     core::RunError);
      }
    }
  }
}

TEST_P(EveryRule, TakesOneCoordinateAndManyRows) {
  // The layout of the fake model does not fit here.
  static const Names needs_layout = {
      "deepsight", "crfl", "fltrust", "zeno", "fedgreed"};
  if (In(needs_layout)) GTEST_SKIP() << "asks for a model of its own size";
  const Pipeline pipeline = PipelineFrom({}, text());
  const Context context{.f = 1, .seed = 5, .round = 1};
  EXPECT_TRUE(
      IsFinite(Join(pipeline, DrawRows(2, 9, 1), context, false).vector));
  EXPECT_TRUE(
      IsFinite(Join(pipeline, DrawRows(2, 9, 1), context, true).vector));
  static const Names combinatorial = {"mda", "mva", "smea", "bulyan"};
  if (In(combinatorial)) return;
  EXPECT_TRUE(
      IsFinite(Join(pipeline, DrawRows(2, 300, 7), context, false).vector));
}

TEST_P(EveryRule, GivesTheSameBitsOnAnyNumberOfThreads) {
  static const Names slow = {"residual_reweighting",
                             "deepsight",
                             "crfl",
                             "fltrust",
                             "zeno",
                             "fedgreed",
                             "auror"};
  const std::int64_t dimension = In(slow) ? kDimension : 40000;
  const Rows rows = DrawRows(3, kRows, dimension);
  Context context = world_.At(2);
  if (dimension != kDimension) {
    context.model = {};
    context.blocks = {};
    context.server = nullptr;
  }
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1u, 2u, 5u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(
        Join(PipelineFrom({}, text()), rows, context, true).vector);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_P(EveryRule, IgnoresTheOrderOfTheRows) {
  // Buckets and pivots go by position. The widest pair alone decides on
  // subsets of least diameter, and the last picks of Bulyan are nearest pairs,
  // so that these two tie on almost every input.
  static const Names by_position = {
      "bulyan", "mda", "median_of_means", "monna"};
  if (In(by_position)) GTEST_SKIP() << "goes by position";
  for (std::uint64_t seed = 10; seed < 14; ++seed) {
    Rows rows = DrawRows(seed, kRows, kDimension);
    const auto before = Try(PipelineFrom({}, text()), rows, world_.At(1));
    // The same rows under the same client ids, in another order.
    core::Stream::Named(seed, "order").Shuffle(std::span(rows));
    const auto after = Try(PipelineFrom({}, text()), rows, world_.At(1));
    ASSERT_EQ(before.has_value(), after.has_value());
    if (!before) continue;
    EXPECT_LT(Distance(before->vector, after->vector),
              1e-9 * (1.0 + Length(before->vector)));
  }
}

TEST_P(EveryRule, MovesWithTheRows) {
  // Rules that clip around the origin, or look at angles, signs, the model or
  // the server's own update.
  static const Names fixed = {"afa",
                              "auror",
                              "centered_clipping",
                              "cge",
                              "clipped_clustering",
                              "crfl",
                              "cross_round",
                              "deepsight",
                              "fedgreed",
                              "flame",
                              "fltrust",
                              "foolsgold",
                              "lasa",
                              "norm_bounding",
                              "reputation",
                              "rlr",
                              "sign_majority",
                              "signguard",
                              "slsgd",
                              "zeno",
                              "flanders"};
  if (In(fixed)) GTEST_SKIP() << "is not meant to";
  const Rows rows = DrawRows(20, kRows, kDimension);
  Rows moved = rows;
  for (auto& row : moved) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      row[k] += 8.0 - static_cast<double>(k);
    }
  }
  std::vector<double> expected =
      Join(PipelineFrom({}, text()), rows, world_.At(1), false).vector;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    expected[k] += 8.0 - static_cast<double>(k);
  }
  EXPECT_LT(
      Distance(
          Join(PipelineFrom({}, text()), moved, world_.At(1), false).vector,
          expected),
      1e-8 * Length(expected));
}

TEST_P(EveryRule, ScalesWithTheRows) {
  static const Names fixed = {"auror",
                              "centered_clipping",
                              "crfl",
                              "deepsight",
                              "fedgreed",
                              "filter_l2",
                              "flame",
                              "fltrust",
                              "norm_bounding",
                              "sign_majority",
                              "zeno",
                              "flanders",
                              "reputation",
                              "cross_round"};
  if (In(fixed)) GTEST_SKIP() << "is not meant to";
  const Rows rows = DrawRows(21, kRows, kDimension);
  for (const double factor : {8.0, 0.125}) {
    Rows scaled = rows;
    for (auto& row : scaled) {
      for (double& value : row) value *= factor;
    }
    std::vector<double> expected =
        Join(PipelineFrom({}, text()), rows, world_.At(1), false).vector;
    for (double& value : expected) value *= factor;
    EXPECT_LT(
        Distance(
            Join(PipelineFrom({}, text()), scaled, world_.At(1), false).vector,
            expected),
        1e-8 * (factor + Length(expected)));
  }
}

TEST_P(EveryRule, ReturnsWhatAllRowsAgreeOn) {
  static const Names otherwise = {"centered_clipping",
                                  "crfl",
                                  "foolsgold",
                                  "lasa",
                                  "norm_bounding",
                                  "fltrust",
                                  "sign_majority"};
  if (In(otherwise)) GTEST_SKIP() << "is not meant to";
  const Rows one = DrawRows(22, 1, kDimension);
  const Rows rows(kRows, one.front());
  for (const bool as_float : {false, true}) {
    const auto result =
        Try(PipelineFrom({}, text()), rows, world_.At(1), as_float);
    ASSERT_TRUE(result.has_value());
    EXPECT_LT(Distance(result->vector, one.front()), 1e-5);
  }
}

TEST_P(EveryRule, TreatsFloatAndDoubleRowsAlike) {
  const Rows rows = DrawRows(23, kRows, kDimension);
  const auto floats =
      Join(PipelineFrom({}, text()), rows, world_.At(1), true).vector;
  const auto doubles =
      Join(PipelineFrom({}, text()), rows, world_.At(1), false).vector;
  EXPECT_LT(Distance(floats, doubles), 1e-5 * (1.0 + Length(doubles)));
}

TEST_P(EveryRule, GoesOnFromItsSavedState) {
  std::vector<std::vector<double>> whole;
  std::vector<std::vector<double>> resumed;
  Pipeline steady = PipelineFrom({}, text());
  Pipeline stopped = PipelineFrom({}, text());
  std::vector<double> previous;
  for (std::int64_t round = 1; round <= 6; ++round) {
    const Rows rows =
        DrawRows(30 + static_cast<std::uint64_t>(round), kRows, kDimension);
    if (round == 4) {
      const State state = stopped.SaveState();
      stopped = PipelineFrom({}, text());
      stopped.LoadState(state);
    }
    Context context = world_.At(round);
    context.previous = previous;
    UpdateTable table = TableOf(rows);
    // Another part of the clients in every round.
    for (std::int64_t i = 0; i < kRows; ++i) {
      table.clients.push_back(i + round % 3);
    }
    whole.push_back(steady.AggregateAndRemember(table, context).vector);
    resumed.push_back(stopped.AggregateAndRemember(table, context).vector);
    previous = whole.back();
  }
  EXPECT_EQ(whole, resumed);
}

TEST_P(EveryRule, StatesWhereItComesFrom) {
  EXPECT_THAT(std::string(GetParam()->summary), testing::EndsWith("."));
  EXPECT_FALSE(GetParam()->source.empty());
  EXPECT_FALSE(GetParam()->preconditions.empty());
}

INSTANTIATE_TEST_SUITE_P(Conformance,
                         EveryRule,
                         testing::ValuesIn(AllKinds()),
                         [](const auto& one) {
                           return std::string(one.param->name);
                         });

// Krum chooses the same client from weights as from updates.
TEST(RawWeights, DoNotMoveTheChoiceOfKrum) {
  for (const double size : {1.0, 30.0, 1000.0}) {
    const Rows updates = DrawRows(40, kRows, 2000);
    Rows weights = updates;
    const Rows base = DrawRows(41, 1, 2000);
    for (auto& row : weights) {
      for (std::size_t k = 0; k < row.size(); ++k) {
        row[k] =
            static_cast<double>(static_cast<float>(row[k] + size * base[0][k]));
      }
    }
    const Context context{.f = kF};
    EXPECT_EQ(Join(PipelineFrom({}, "krum"), weights, context, true).kept,
              Join(PipelineFrom({}, "krum"), updates, context, true).kept)
        << size;
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
