#include "fedtorch/attack/defence_trial.h"

#include "fedtorch/attack/statistics.h"
#include "fedtorch/core/stream.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

using Rows = std::vector<std::vector<double>>;

Rows DrawRows(std::uint64_t seed, std::size_t n, std::size_t d) {
  core::Stream stream = core::Stream::Named(seed, "defence_trial_test");
  Rows rows(n, std::vector<double>(d));
  for (auto& row : rows) {
    for (double& value : row) {
      // Multiples of 2^-10, the same numbers in float.
      value = std::round(1024.0 * (1.0 + stream.Normal())) / 1024.0;
    }
  }
  return rows;
}

// A scene over rows of either type.
struct Cast {
  Rows rows;
  std::vector<float> flat;
  aggregate::UpdateTable known;
  Scene scene;

  Cast(Rows all,
       bool floats,
       std::int64_t f,
       const aggregate::Pipeline& defence)
      : rows(std::move(all)) {
    const auto width = static_cast<std::int64_t>(rows[0].size());
    if (floats) {
      for (const auto& row : rows) {
        flat.insert(flat.end(), row.begin(), row.end());
      }
      known = aggregate::UpdateTable::Of<float>(std::span<const float>(flat),
                                                width);
    } else {
      std::vector<const double*> pointers;
      for (const auto& row : rows) pointers.push_back(row.data());
      known.rows = std::move(pointers);
      known.dimension = width;
    }
    scene.known = &known;
    scene.num_byzantine = f;
    scene.num_total = known.num_rows() + f;
    scene.context.f = f;
    scene.defence = &defence;
    for (std::int64_t i = 0; i < f; ++i) {
      scene.clients.push_back(known.num_rows() + i);
    }
  }

  // What the defence makes of all values, by the way that a server takes.
  double Direct(double along_mean,
                double along_direction,
                std::vector<std::int64_t>* kept) const {
    const Statistics statistics = StatisticsOf(known, 1);
    std::vector<double> copy(rows[0].size());
    for (std::size_t k = 0; k < copy.size(); ++k) {
      copy[k] =
          along_mean * statistics.mean[k] + along_direction * statistics.std[k];
    }
    aggregate::UpdateTable table;
    table.dimension = known.dimension;
    std::vector<const double*> pointers;
    for (const auto& row : rows) pointers.push_back(row.data());
    for (std::int64_t i = 0; i < scene.num_byzantine; ++i) {
      pointers.push_back(copy.data());
    }
    table.rows = std::move(pointers);
    const aggregate::Result result =
        scene.defence->Aggregate(table, scene.context);
    *kept = result.kept;
    double square = 0.0;
    for (std::size_t k = 0; k < copy.size(); ++k) {
      const double off = result.vector[k] - statistics.mean[k];
      square += off * off;
    }
    return std::sqrt(square);
  }
};

const std::vector<std::pair<double, double>> kStrengths = {
    {1.0, 0.0}, {1.0, 0.3}, {1.0, 1.5}, {1.0, -2.0}, {-0.1, 0.0}, {-3.0, 0.0}};

TEST(DefenceTrial, AgreesByInnerProductsWithAllValues) {
  for (const std::string text : {"aggregator: mean",
                                 "aggregator: krum",
                                 "aggregator: {name: krum, neighbors: n-f-1}",
                                 "pre_aggregators: [nnm], aggregator: krum",
                                 "pre_aggregators: [nnm], aggregator: mean"}) {
    const aggregate::Pipeline defence = DefenceFrom(text);
    for (const bool floats : {false, true}) {
      for (const std::int64_t f : {1, 2, 3}) {
        const Cast cast(
            DrawRows(static_cast<std::uint64_t>(f), 9, 50), floats, f, defence);
        const Statistics statistics = StatisticsOf(cast.known, 1);
        const DefenceTrial trial(cast.scene, statistics.mean, statistics.std);
        EXPECT_TRUE(trial.by_inner_products()) << text;
        for (const auto& [u, v] : kStrengths) {
          std::vector<std::int64_t> kept;
          const double direct = cast.Direct(u, v, &kept);
          const DefenceTrial::Outcome outcome = trial.Try(u, v);
          EXPECT_NEAR(outcome.distance, direct, 1e-6 * (1.0 + direct))
              << text << " " << u << " " << v << " " << floats;
          EXPECT_TRUE(outcome.selects);
          const auto copies =
              std::count_if(kept.begin(), kept.end(), [&](std::int64_t row) {
                return row >= cast.known.num_rows();
              });
          EXPECT_EQ(outcome.selected,
                    copies == std::min<std::ptrdiff_t>(
                                  f, static_cast<std::ptrdiff_t>(kept.size())));
        }
      }
    }
  }
}

TEST(DefenceTrial, TakesAllValuesWhereTheyAreFew) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: median");
  for (const bool floats : {false, true}) {
    const Cast cast(DrawRows(5, 7, 300), floats, 2, defence);
    const Statistics statistics = StatisticsOf(cast.known, 1);
    const DefenceTrial trial(cast.scene, statistics.mean, statistics.std);
    EXPECT_FALSE(trial.by_inner_products());
    EXPECT_EQ(trial.num_columns(), 300);
    for (const auto& [u, v] : kStrengths) {
      std::vector<std::int64_t> kept;
      EXPECT_DOUBLE_EQ(trial.Try(u, v).distance, cast.Direct(u, v, &kept));
      EXPECT_FALSE(trial.Try(u, v).selects);
    }
  }
}

TEST(DefenceTrial, TakesSomeColumnsWhereTheyAreMany) {
  const aggregate::Pipeline defence = DefenceFrom("aggregator: median");
  Cast cast(DrawRows(6, 5, 40000), true, 2, defence);
  const Statistics statistics = StatisticsOf(cast.known, 1);
  const DefenceTrial trial(cast.scene, statistics.mean, statistics.std);
  EXPECT_EQ(trial.num_columns(), 10000);
  std::vector<std::int64_t> kept;
  const double sampled = trial.Try(1.0, 1.5).distance;
  // A quarter of the columns has a quarter of the squares.
  EXPECT_NEAR(2.0 * sampled / cast.Direct(1.0, 1.5, &kept), 1.0, 0.02);
  const auto again = [&] {
    return DefenceTrial(cast.scene, statistics.mean, statistics.std)
        .Try(1.0, 1.5)
        .distance;
  };
  EXPECT_EQ(again(), sampled);
  cast.scene.seed = 1;
  EXPECT_NE(again(), sampled);
}

// Ids of clients decide who stands where, and so who wins a tie.
TEST(DefenceTrial, PlacesAdversariesByTheirIds) {
  const aggregate::Pipeline defence =
      DefenceFrom("aggregator: {name: krum, neighbors: n-f-1}");
  Cast cast({{0.0}, {1.0}, {0.0}}, false, 1, defence);
  const std::vector<double> mean = {1.0 / 3.0};
  const std::vector<double> direction = {-1.0};
  cast.known.clients = {10, 20, 30};
  // A copy of b = 0 ties with the rows that are 0.
  cast.scene.clients = {5};
  EXPECT_TRUE(
      DefenceTrial(cast.scene, mean, direction).Try(1.0, 1.0 / 3.0).selected);
  cast.scene.clients = {25};
  EXPECT_FALSE(
      DefenceTrial(cast.scene, mean, direction).Try(1.0, 1.0 / 3.0).selected);
}

TEST(DefenceTrial, RepeatsWhatIsKnownForWhatIsNot) {
  // Two of eight are adversaries and know two updates of their own: three times
  // these stand for the six honest ones.
  const aggregate::Pipeline defence = DefenceFrom("aggregator: mean");
  Cast cast({{1.0, 0.0}, {3.0, 0.0}}, false, 2, defence);
  cast.scene.num_total = 8;
  const std::vector<double> mean = {2.0, 0.0};
  const std::vector<double> direction = {0.0, 1.0};
  EXPECT_NEAR(DefenceTrial(cast.scene, mean, direction).Try(1.0, 4.0).distance,
              1.0,
              1e-12);
  const aggregate::Pipeline krum = DefenceFrom("aggregator: krum");
  cast.scene.defence = &krum;  // 8 >= 2f + 3, though only 2 are known
  EXPECT_NO_THROW(DefenceTrial(cast.scene, mean, direction).Try(1.0, 4.0));
}

}  // namespace
}  // namespace fedtorch::attack
