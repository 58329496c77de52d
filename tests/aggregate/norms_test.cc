#include "fedtorch/aggregate/norms.h"

#include "fedtorch/aggregate/chosen_rows.h"
#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Norms, AndProductsAndDistancesEqualLongSums) {
  const RandomRows rows = RandomRows::Draw(1, 3, 9000, 1);
  std::vector<double> vector;
  for (std::int64_t k = 0; k < 9000; ++k) {
    vector.push_back(std::sin(static_cast<double>(k)));
  }
  for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
    const Inputs inputs(table);
    const std::vector<double> norms = NormsByValue(inputs);
    const std::vector<double> products = Products(inputs, vector);
    const std::vector<double> distances = DistancesTo(inputs, vector);
    const std::vector<double> squares = SquaredDistancesTo(inputs, vector);
    for (std::size_t i = 0; i < 3; ++i) {
      long double square = 0.0L;
      long double product = 0.0L;
      long double apart = 0.0L;
      for (std::size_t k = 0; k < 9000; ++k) {
        const long double value = rows.values[i][k];
        square += value * value;
        product += value * vector[k];
        apart += (value - vector[k]) * (value - vector[k]);
      }
      EXPECT_NEAR(norms[i], std::sqrt(static_cast<double>(square)), 1e-10);
      EXPECT_NEAR(products[i], static_cast<double>(product), 1e-9);
      EXPECT_NEAR(distances[i], std::sqrt(static_cast<double>(apart)), 1e-10);
      EXPECT_NEAR(squares[i], static_cast<double>(apart), 1e-8);
    }
  }
}

TEST(Norms, GiveTheSameBitsOnAnyNumberOfThreads) {
  const RandomRows rows = RandomRows::Draw(2, 5, 50000, 1);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1U, 4U}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(NormsByValue(Inputs(rows.Floats())));
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(Norms, SeeARowThatIsTinyBesideTheOthers) {
  const std::vector<std::vector<double>> rows = {{3, 4}, {3, 4}, {3e-9, 4e-9}};
  EXPECT_NEAR(NormsByValue(Inputs(TableOf(rows)))[2], 5e-9, 1e-23);
}

TEST(Norms, TakeTheMeanOfTwoMiddleValues) {
  EXPECT_DOUBLE_EQ(MedianOf({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(MedianOf({1, 9, 3}), 3.0);
  EXPECT_DOUBLE_EQ(MedianOf({}), 0.0);
  EXPECT_DOUBLE_EQ(MedianOf({1.6e308, 1.7e308}), 1.65e308);
}

TEST(Norms, ShortenAndNeverLengthen) {
  EXPECT_DOUBLE_EQ(ClippingFactor(4, 1), 0.25);
  EXPECT_DOUBLE_EQ(ClippingFactor(1, 4), 1.0);
  EXPECT_DOUBLE_EQ(ClippingFactor(0, 0), 1.0);
  EXPECT_DOUBLE_EQ(ClippingFactor(2, 0), 0.0);
  const std::vector<double> norms = {4, 1, 8};
  EXPECT_THAT(ClippedMean(norms, std::vector<std::int64_t>{0, 1}, 2),
              ElementsAre(DoubleEq(0.25), DoubleEq(0.5), 0.0));
  EXPECT_THAT(ClippedMean(norms, std::vector<std::int64_t>{}, 2),
              ElementsAre(0.0, 0.0, 0.0));
}

TEST(Norms, NameTheRowsThatCountThroughMixtures) {
  const auto rows = InputA();
  const UpdateTable table = TableOf(rows);
  Matrix mix(2, 3);
  mix(0, 0) = 1.0;
  mix(1, 1) = mix(1, 2) = 0.5;
  const Inputs inputs = Inputs(table).Mixed(mix);
  const Result result = Joined(inputs, {.coefficients = {0.0, 2.0}});
  EXPECT_THAT(result.vector, ElementsAre(11.0, 13.0, 15.0));
  EXPECT_THAT(result.kept, ElementsAre(1, 2));
  EXPECT_THAT(Joined(inputs, {.coefficients = {0.0, 0.0}}).kept, IsEmpty());
}

}  // namespace
}  // namespace fedtorch::aggregate
