// Rule and tests of fednova: Wang et al. 2020.
#include "tests/algorithm/federation.h"
#include "tests/algorithm/wrong_forms.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::LocalWork;
using support::MeanOptimum;

// Runs clients with 1, ..., N local steps and returns the distance from the
// uniform optimum.
double DistanceWithUnequalSteps(Method& method,
                                const LocalWork& work,
                                int rounds) {
  const auto clients = DrawQuadratics(1, 10, 5);
  Federation<double> federation(method, clients, work);
  federation.weighting = aggregate::Weighting::kUniform;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    federation.works[i].steps = static_cast<std::int64_t>(i) + 1;
  }
  federation.Rounds(rounds, clients.size());
  return Distance(federation.model, MeanOptimum(clients));
}

TEST(FedNova, WithEqualWorkIsFedavgForAnyWeights) {
  const auto clients = DrawQuadratics(2, 10, 5);
  for (const auto weighting :
       {aggregate::Weighting::kSamples, aggregate::Weighting::kUniform}) {
    const auto fednova = MakeMethod("fednova");
    const auto fedavg = MakeMethod("fedavg");
    Federation<double> left(*fednova, clients, {.steps = 7});
    Federation<double> right(*fedavg, clients, {.steps = 7});
    left.weighting = right.weighting = weighting;
    left.Rounds(20, 4);
    right.Rounds(20, 4);
    EXPECT_LT(LargestDifference(left.model, right.model), 1e-12);
  }
}

// Distance O(eta): halving the learning rate halves it.
TEST(FedNova, TendsToTheOptimumWithTheLearningRate) {
  const auto fednova = MakeMethod("fednova");
  const double coarse = DistanceWithUnequalSteps(*fednova, {.lr = 2e-3}, 2500);
  const double fine = DistanceWithUnequalSteps(*fednova, {.lr = 1e-3}, 5000);
  EXPECT_LT(fine, 0.02);
  EXPECT_NEAR(coarse / fine, 2.0, 0.1);
  const auto fedavg = MakeMethod("fedavg");
  EXPECT_GT(DistanceWithUnequalSteps(*fedavg, {.lr = 1e-3}, 5000), 0.2);
}

TEST(FedNova, TakesMomentumIntoAccountWhereTheStepCountWouldNot) {
  const LocalWork work{.lr = 3e-4, .momentum = 0.9};
  const auto fednova = MakeMethod("fednova");
  FedNovaByStepCount by_step_count;
  EXPECT_LT(DistanceWithUnequalSteps(*fednova, work, 3000), 0.02);
  EXPECT_GT(DistanceWithUnequalSteps(by_step_count, work, 3000), 0.1);
}

// sum_i p_i c_i / tau_i (b_i - x) = 0, c_i = 1 - (1 - eta a_i)^tau_i.
TEST(FedNova, ReachesTheFixedPointInClosedFormOnQuadratics) {
  const auto clients = DrawQuadratics(3, 10, 5);
  const auto method = MakeMethod("fednova");
  Federation<double> federation(*method, clients, {.lr = 0.05});
  for (std::size_t i = 0; i < clients.size(); ++i) {
    federation.works[i].steps = static_cast<std::int64_t>(i % 5) + 1;
  }
  federation.Rounds(2000, 10);
  for (std::size_t j = 0; j < 5; ++j) {
    double pull = 0.0;
    double stiffness = 0.0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const double tau = static_cast<double>(i % 5) + 1.0;
      const double weight =
          static_cast<double>(clients[i].samples) / tau *
          (1.0 - std::pow(1.0 - 0.05 * clients[i].curvature[j], tau));
      pull += weight * clients[i].optimum[j];
      stiffness += weight;
    }
    EXPECT_NEAR(federation.model[j], pull / stiffness, 1e-12);
  }
}

TEST(FedNova, ReportsTheEffectiveWorkOfTheRound) {
  const auto clients = DrawQuadratics(4, 3, 2);
  const auto method = MakeMethod("fednova");
  Federation<double> federation(*method, clients, {});
  federation.works[0].steps = 2;
  federation.works[1].steps = 5;
  federation.works[2].steps = 11;
  federation.Rounds(1, 3);
  const std::map<std::string, double> diagnostics = method->Diagnostics();
  // Samples 1, 2, 3.
  EXPECT_NEAR(diagnostics.at("algorithm/tau_eff"), (2 + 10 + 33) / 6.0, 1e-12);
  EXPECT_EQ(diagnostics.at("algorithm/a_norm_min"), 2.0);
  EXPECT_EQ(diagnostics.at("algorithm/a_norm_max"), 11.0);
}

// Weights that do not sum to 1 scale the step once.
TEST(FedNova, ScalesWithTheWeightsLikeFedavg) {
  const auto method = MakeMethod("fednova");
  method->Start(1);
  PlainStep step;
  std::vector<Contribution> cohort(2);
  cohort[0].weight = 0.8;
  cohort[1].weight = 2.2;
  for (Contribution& contribution : cohort) {
    contribution.result.steps = 4;
    contribution.result.a_norm = 4.0;
  }
  std::vector<double> model = {10.0};
  const std::vector<double> aggregate = {0.8 * 1.0 / 4.0 + 2.2 * 2.0 / 4.0};
  const std::map<std::string, std::vector<double>> none;
  ServerContext context{model, aggregate, none, cohort, 5, step};
  method->Server(context);
  EXPECT_NEAR(model[0], 10.0 + 0.8 * 1.0 + 2.2 * 2.0, 1e-13);
}

// Where the others did equal work, a client without a step dilutes the round
// as it does under fedavg.
TEST(FedNova, LeavesIdleClientsOutOfTheEffectiveWork) {
  const auto clients = DrawQuadratics(5, 4, 3);
  const auto fednova = MakeMethod("fednova");
  const auto fedavg = MakeMethod("fedavg");
  Federation<double> left(*fednova, clients, {.steps = 6});
  Federation<double> right(*fedavg, clients, {.steps = 6});
  left.works[1].steps = right.works[1].steps = 0;
  left.Rounds(5, 4);
  right.Rounds(5, 4);
  EXPECT_LT(LargestDifference(left.model, right.model), 1e-12);
  EXPECT_EQ(fednova->Diagnostics().at("algorithm/a_norm_min"), 6.0);
}

}  // namespace
}  // namespace fedtorch::algorithm
