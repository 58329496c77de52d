#include "fedtorch/core/errors.h"
#include "tests/aggregate/rule_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;

TEST(Crfl, ShortensTheModelNotTheUpdate) {
  // Model (3, 0) and mean update (0, 4): the new model has length 5.
  const std::vector<double> model = {3, 0};
  const Rows rows = {{-1, 4}, {1, 4}};
  const std::string rule = "{name: crfl, rho: 1, rho_growth: 0, noise: 0}";
  EXPECT_THAT(Joined(rule, rows, {.model = model}),
              Pointwise(DoubleNear(1e-12), {0.6 - 3.0, 0.8}));
  EXPECT_THAT(Joined(rule, rows, {.model = model}, true),
              Pointwise(DoubleNear(1e-12), {0.6 - 3.0, 0.8}));
  // A model within the ball takes the mean update as it is.
  EXPECT_THAT(Joined("{name: crfl, rho: 6, rho_growth: 0, noise: 0}",
                     rows,
                     {.model = model}),
              Pointwise(DoubleNear(1e-12), {0.0, 4.0}));
}

TEST(Crfl, LetsTheBallGrowToItsEnd) {
  const std::vector<double> model = {3, 0};
  const Rows rows = {{0, 4}};
  const std::string rule =
      "{name: crfl, rho: 1, rho_growth: 0.5, rho_max: 2.5, noise: 0}";
  const std::vector<double> radii = {1.5, 2.0, 2.5, 2.5};
  for (std::size_t i = 0; i < radii.size(); ++i) {
    const Context context{.round = static_cast<std::int64_t>(i) + 1,
                          .model = model};
    EXPECT_THAT(
        Joined(rule, rows, context),
        Pointwise(DoubleNear(1e-12), {0.6 * radii[i] - 3.0, 0.8 * radii[i]}));
  }
}

TEST(Crfl, AddsNoiseAfterTheClip) {
  const std::vector<double> model(20000, 0.0);
  const Rows rows(1, model);
  const std::vector<double> noise = Joined(
      "{name: crfl, noise: 2}", rows, {.seed = 1, .round = 2, .model = model});
  double squares = 0.0;
  for (const double value : noise) squares += value * value;
  EXPECT_NEAR(squares / 20000, 4.0, 5 * 4.0 * std::sqrt(2.0 / 20000.0));
}

TEST(Crfl, SaysThatItNeedsTheModel) {
  try {
    Joined("crfl", InputA());
    ADD_FAILURE() << "joined without a model";
  } catch (const core::RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("needs the global model of 3 values"));
  }
}

TEST(Crfl, SurvivesAnything) {
  ExpectSurvives("crfl", 10, 3, /*bounded=*/true);
}

}  // namespace
}  // namespace fedtorch::aggregate
