// Rule and tests of feddyn: Acar et al. 2021.
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/algorithm/federation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::MeanOptimum;
using support::Quadratic;

std::vector<double> MeanDual(const Federation<double>& federation) {
  std::vector<double> mean(federation.model.size(), 0.0);
  for (const auto& state : federation.states) {
    const auto dual = state.find("dual");
    if (dual == state.end()) continue;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      mean[j] +=
          dual->second[j] / static_cast<double>(federation.num_clients());
    }
  }
  return mean;
}

TEST(FedDyn, KeepsTheMeanOfTheDualsUnderAnyParticipation) {
  const auto clients = DrawQuadratics(1, 10, 5);
  const auto method = MakeMethod("{name: feddyn, alpha: 0.5}");
  Federation<double> federation(*method, clients, {.steps = 20});
  for (std::size_t round = 0; round < 60; ++round) {
    std::vector<std::int64_t> drawn = federation.Draw(1 + round % 10);
    if (round % 3 == 0) drawn.push_back(drawn.front());
    federation.Round(drawn);
    ASSERT_LT(LargestDifference(MeanDual(federation),
                                method->SaveState().at("mean_dual")),
              1e-12);
  }
}

// g_i+ = g_i - alpha (y_i - x), written out by hand for two rounds and two of
// three clients, with exact local minimisers.
TEST(FedDyn, FollowsItsEquationsForTwoRounds) {
  const double alpha = 0.5;
  const std::vector<Quadratic> clients = {
      {.curvature = {1.0}, .optimum = {2.0}},
      {.curvature = {0.5}, .optimum = {-4.0}},
      {.curvature = {2.0}, .optimum = {1.0}}};
  const auto method = MakeMethod("{name: feddyn, alpha: 0.5}");
  Federation<double> federation(*method, clients, {.exact = true});
  federation.Round({0, 1});
  // y_0 = (1 * 2) / 1.5, y_1 = (.5 * -4) / 1.
  const double y0 = 2.0 / 1.5;
  const double y1 = -2.0;
  const double g0 = -alpha * y0;
  const double g1 = -alpha * y1;
  const double h = -alpha / 3.0 * (y0 + y1);
  const double x = (y0 + y1) / 2.0 - h / alpha;
  EXPECT_NEAR(federation.model[0], x, 1e-14);
  federation.Round({1, 2});
  // y_1 = (a b + g_1 + alpha x) / (a + alpha); client 2 is new.
  const double z1 = (-2.0 + g1 + alpha * x) / 1.0;
  const double z2 = (2.0 + alpha * x) / 2.5;
  const double h2 = h - alpha / 3.0 * (z1 - x + z2 - x);
  EXPECT_NEAR(federation.model[0], (z1 + z2) / 2.0 - h2 / alpha, 1e-14);
  EXPECT_NEAR(federation.states[0]["dual"][0], g0, 1e-14);
  EXPECT_NEAR(federation.states[1]["dual"][0], g1 - alpha * (z1 - x), 1e-14);
  EXPECT_NEAR(federation.states[2]["dual"][0], -alpha * (z2 - x), 1e-14);
}

TEST(FedDyn, KeepsTheLocalModelAtTheGlobalOneForALargeAlpha) {
  const auto clients = DrawQuadratics(2, 10, 5);
  const auto method = MakeMethod("{name: feddyn, alpha: 1e9}");
  Federation<double> federation(*method, clients, {.exact = true});
  federation.Round({4});
  for (const double entry : federation.last.at(4).delta) {
    EXPECT_LT(std::fabs(entry), 1e-7);
  }
}

TEST(FedDyn, StandsStillWhereTheDualsAreTheGradients) {
  const auto clients = DrawQuadratics(3, 10, 5);
  const std::vector<double> optimum = MeanOptimum(clients);
  const auto method = MakeMethod("{name: feddyn, alpha: 1}");
  Federation<double> federation(*method, clients, {.steps = 50});
  federation.Rounds(400, 10);
  EXPECT_LT(LargestDifference(federation.model, optimum), 1e-12);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_LT(LargestDifference(federation.states[i]["dual"],
                                clients[i].Gradient(optimum)),
              1e-11);
    EXPECT_LT(LargestDifference(
                  federation.last.at(static_cast<std::int64_t>(i)).delta,
                  std::vector<double>(5, 0.0)),
              1e-12);
  }
  EXPECT_LT(LargestDifference(method->SaveState().at("mean_dual"),
                              std::vector<double>(5, 0.0)),
            1e-12);
}

// The gradient that the client half asks for is that of the local objective,
// both penalties included; detached penalties would miss it.
TEST(FedDyn, LocalGradientAgreesWithFiniteDifferences) {
  const auto clients = DrawQuadratics(4, 1, 5);
  const double alpha = 0.3;
  const auto method = MakeMethod("{name: feddyn, alpha: 0.3}");
  method->Start(5);
  core::Stream stream = core::Stream::Named(1, "test/differences");
  const auto random_vector = [&stream] {
    std::vector<double> vector(5);
    for (double& entry : vector) entry = stream.Normal();
    return vector;
  };
  const std::vector<double> global = random_vector();
  const std::map<std::string, std::vector<double>> state = {
      {"dual", random_vector()}};
  const std::map<std::string, std::vector<double>> none;
  support::QuadraticProblem<double> problem(clients[0], {}, global);
  client::Update<double> update;
  ClientContext<double> context{problem, global, none, state, update};
  method->Client(context);

  const auto objective = [&](const std::vector<double>& y) {
    double value = 0.0;
    for (std::size_t j = 0; j < y.size(); ++j) {
      const double miss = y[j] - clients[0].optimum[j];
      const double distance = y[j] - global[j];
      value += 0.5 * clients[0].curvature[j] * miss * miss -
               state.at("dual")[j] * y[j] + 0.5 * alpha * distance * distance;
    }
    return value;
  };
  const std::vector<double> at = random_vector();
  const std::vector<double> gradient = clients[0].Gradient(at);
  for (std::size_t j = 0; j < 5; ++j) {
    const double step = 1e-4;
    std::vector<double> above = at;
    std::vector<double> below = at;
    above[j] += step;
    below[j] -= step;
    const double difference =
        (objective(above) - objective(below)) / (2.0 * step);
    EXPECT_NEAR(gradient[j] + problem.prox() * (at[j] - problem.anchor()[j]) +
                    problem.linear()[j],
                difference,
                1e-8);
  }
}

// The server can take the change of the dual from the delta.
TEST(FedDyn, SendsNoMoreThanFedavg) {
  EXPECT_EQ(MakeMethod("feddyn")->num_extras_sent(), 0);
  EXPECT_EQ(MakeMethod("fedavg")->num_extras_sent(), 0);
  EXPECT_EQ(MakeMethod("scaffold")->num_extras_sent(), 1);
}

TEST(FedDyn, RefusesAStateThatDoesNotFit) {
  const auto method = MakeMethod("feddyn");
  method->Start(2);
  EXPECT_THROW(method->LoadState({}), core::RunError);
  EXPECT_THROW(method->LoadState({{"mean_dual", {1.0}}}), core::RunError);
}

}  // namespace
}  // namespace fedtorch::algorithm
