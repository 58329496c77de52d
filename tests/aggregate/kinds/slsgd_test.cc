#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

TEST(Slsgd, MovesAShareOfTheWay) {
  EXPECT_THAT(Joined("{name: slsgd, b: 1}", InputA()),
              ElementsAre(4.0, 5.0, 6.0));
  EXPECT_THAT(Joined("{name: slsgd, b: 1, alpha: 0.25}", InputA()),
              ElementsAre(1.0, 1.25, 1.5));
}

TEST(Slsgd, IsTheMovingAverageOfModels) {
  // The definition on models, one coordinate at a time.
  const Rows updates = DrawRows(6, 8, 40);
  const std::vector<double> model = DrawRows(7, 1, 40).front();
  std::vector<double> expected;
  for (std::size_t k = 0; k < 40; ++k) {
    std::vector<double> models;
    for (const auto& row : updates) models.push_back(model[k] + row[k]);
    std::sort(models.begin(), models.end());
    double sum = 0.0;
    for (std::size_t i = 2; i < 6; ++i) sum += models[i];
    const double next = (1.0 - 0.7) * model[k] + 0.7 * (sum / 4);
    expected.push_back(next - model[k]);
  }
  for (const bool as_float : {false, true}) {
    EXPECT_THAT(
        Joined("{name: slsgd, b: 2, alpha: 0.7}", updates, {}, as_float),
        Pointwise(DoubleNear(1e-13), expected));
  }
}

TEST(Slsgd, TrimsTheDeclaredNumberByDefault) {
  const Rows rows = DrawRows(8, 9, 20);
  EXPECT_EQ(Joined("{name: slsgd, alpha: 0.5}", rows, {.f = 2}),
            Joined("{name: slsgd, alpha: 0.5, b: 2}", rows, {.f = 1}));
  EXPECT_TRUE(PipelineFrom({}, "slsgd").needs_declared_f());
}

TEST(Slsgd, NamesNAndF) {
  EXPECT_EQ(PipelineFrom({}, "{name: slsgd, b: 2}").Obstacle(4, 0),
            "slsgd needs n > 2f = 4 updates, found n = 4 with f = 2");
  EXPECT_EQ(PipelineFrom({}, "{name: slsgd, b: 2}").Obstacle(5, 0), "");
}

TEST(Slsgd, SurvivesAnything) {
  ExpectSurvives("{name: slsgd, alpha: 0.9}", 10, 3, /*bounded=*/true);
}

}  // namespace
}  // namespace fedtorch::aggregate
