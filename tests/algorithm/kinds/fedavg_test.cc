// Rule and tests of fedavg and fedsgd: McMahan et al. 2017.
#include "tests/algorithm/federation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::LocalWork;
using support::Quadratic;

std::vector<double> PlainDescent(const Quadratic& objective,
                                 double lr,
                                 int steps) {
  std::vector<double> x(objective.curvature.size(), 0.0);
  for (int step = 0; step < steps; ++step) {
    const std::vector<double> gradient = objective.Gradient(x);
    for (std::size_t j = 0; j < x.size(); ++j) x[j] -= lr * gradient[j];
  }
  return x;
}

TEST(FedAvg, WithOneClientIsPlainDescent) {
  const auto clients = DrawQuadratics(1, 1, 5);
  const auto method = MakeMethod("fedavg");
  Federation<double> federation(*method, clients, {.lr = 0.1, .steps = 5});
  federation.Rounds(6, 1);
  EXPECT_LT(
      LargestDifference(federation.model, PlainDescent(clients[0], 0.1, 30)),
      1e-13);
}

TEST(FedAvg, TakesTheModelOfACohortOfOne) {
  const auto clients = DrawQuadratics(2, 10, 5);
  const auto method = MakeMethod("fedavg");
  Federation<double> federation(*method, clients, {.lr = 0.1, .steps = 5});
  federation.Round({7});
  EXPECT_LT(
      LargestDifference(federation.model, PlainDescent(clients[7], 0.1, 5)),
      1e-13);
}

TEST(FedAvg, WithOneFullBatchStepIsFedsgd) {
  const auto clients = DrawQuadratics(3, 10, 5);
  const auto fedavg = MakeMethod("fedavg");
  const auto fedsgd = MakeMethod("fedsgd");
  Federation<double> left(*fedavg, clients, {.lr = 0.1, .steps = 1});
  Federation<double> right(*fedsgd, clients, {.lr = 0.1, .steps = 17});
  left.Rounds(20, 10);
  right.Rounds(20, 10);
  EXPECT_LT(LargestDifference(left.model, right.model), 1e-13);
}

// x_j = sum_i w_i c_i b_i / sum_i w_i c_i, c_i = 1 - (1 - eta a_i)^K_i.
TEST(FedAvg, ReachesTheFixedPointInClosedFormOnQuadratics) {
  for (const std::uint64_t seed : {4u, 5u, 6u}) {
    const auto clients = DrawQuadratics(seed, 10, 5);
    const auto method = MakeMethod("fedavg");
    Federation<double> federation(*method, clients, {.lr = 0.1});
    double samples = 0.0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      federation.works[i].steps = static_cast<std::int64_t>(1 + i % 4);
      samples += static_cast<double>(clients[i].samples);
    }
    federation.Rounds(2000, 10);
    for (std::size_t j = 0; j < 5; ++j) {
      double pull = 0.0;
      double stiffness = 0.0;
      for (std::size_t i = 0; i < clients.size(); ++i) {
        const double contraction =
            1.0 - std::pow(1.0 - 0.1 * clients[i].curvature[j],
                           static_cast<double>(1 + i % 4));
        const double weight =
            static_cast<double>(clients[i].samples) / samples * contraction;
        pull += weight * clients[i].optimum[j];
        stiffness += weight;
      }
      EXPECT_NEAR(federation.model[j], pull / stiffness, 1e-12);
    }
  }
}

// At small eta the client with K_i steps counts K_i a_i.
TEST(FedAvg, WeighsByTheNumberOfStepsAtASmallLearningRate) {
  const auto clients = DrawQuadratics(7, 10, 5);
  const auto method = MakeMethod("fedavg");
  Federation<double> federation(*method, clients, {.lr = 1e-3});
  federation.weighting = aggregate::Weighting::kUniform;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    federation.works[i].steps = static_cast<std::int64_t>(i) + 1;
  }
  federation.Rounds(4000, 10);
  for (std::size_t j = 0; j < 5; ++j) {
    double pull = 0.0;
    double stiffness = 0.0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const double weight =
          static_cast<double>(i + 1) * clients[i].curvature[j];
      pull += weight * clients[i].optimum[j];
      stiffness += weight;
    }
    EXPECT_NEAR(federation.model[j], pull / stiffness, 2e-2);
  }
}

// x <- x - eta sum_i (n_i / n) grad f_i(x).
TEST(FedSgd, WithAllClientsIsCentralisedDescent) {
  const auto clients = DrawQuadratics(8, 10, 5);
  const auto method = MakeMethod("fedsgd");
  // Neither local steps nor momentum apply.
  Federation<double> federation(
      *method, clients, {.lr = 0.2, .steps = 9, .momentum = 0.9});
  std::vector<double> x(5, 0.0);
  for (int round = 0; round < 25; ++round) {
    std::vector<double> mean(5, 0.0);
    for (const Quadratic& client : clients) {
      const std::vector<double> gradient = client.Gradient(x);
      for (std::size_t j = 0; j < 5; ++j) {
        mean[j] += static_cast<double>(client.samples) / 55.0 * gradient[j];
      }
    }
    for (std::size_t j = 0; j < 5; ++j) x[j] -= 0.2 * mean[j];
    federation.Rounds(1, 10);
    ASSERT_LT(LargestDifference(federation.model, x), 1e-13);
  }
}

TEST(FedSgd, ReportsOneStepOverAllSamples) {
  const auto clients = DrawQuadratics(9, 10, 5);
  const auto method = MakeMethod("fedsgd");
  Federation<double> federation(*method, clients, {.lr = 0.2});
  federation.Round({6});
  const client::LocalResult& result = federation.last.at(6).result;
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(result.examples, 7);
  EXPECT_EQ(result.a_norm, 1.0);
  EXPECT_EQ(result.lr, 0.2);
  double loss = 0.0;  // at the model it received, which starts at 0
  for (std::size_t j = 0; j < 5; ++j) {
    loss += 0.5 * clients[6].curvature[j] * clients[6].optimum[j] *
            clients[6].optimum[j];
  }
  EXPECT_NEAR(result.loss, loss, 1e-12);
}

// The mean gradient of no samples is 0/0.
TEST(FedSgd, AClientWithoutSamplesSendsZeros) {
  const double nan = std::nan("");
  const Quadratic empty{.curvature = {nan}, .optimum = {0}, .samples = 0};
  const auto method = MakeMethod("fedsgd");
  const std::vector<double> global = {1.0};
  const std::map<std::string, std::vector<double>> none;
  support::QuadraticProblem<double> problem(empty, {}, global);
  client::Update<double> update;
  ClientContext<double> context{problem, global, none, none, update};
  method->Client(context);
  EXPECT_EQ(update.delta, std::vector<double>{0.0});
  EXPECT_EQ(update.result.steps, 0);
}

TEST(FedSgd, DuplicatingAClientEqualsDoublingItsSamples) {
  auto doubled = DrawQuadratics(10, 4, 5);
  auto twice = doubled;
  twice.push_back(twice[2]);
  doubled[2].samples *= 2;
  const auto method = MakeMethod("fedsgd");
  Federation<double> left(*method, doubled, {.lr = 0.1});
  Federation<double> right(*method, twice, {.lr = 0.1});
  left.Rounds(10, 4);
  right.Rounds(10, 5);
  EXPECT_LT(LargestDifference(left.model, right.model), 1e-13);
}

}  // namespace
}  // namespace fedtorch::algorithm
