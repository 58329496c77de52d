// Rule and tests of fedprox: Li et al. 2020.
#include "tests/algorithm/federation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::Quadratic;

TEST(FedProx, WithMuZeroIsFedavgToTheBit) {
  const auto clients = DrawQuadratics(1, 10, 5);
  const auto fedavg = MakeMethod("fedavg");
  const auto fedprox = MakeMethod("{name: fedprox, mu: 0}");
  Federation<double> left(*fedavg, clients, {.momentum = 0.5});
  Federation<double> right(*fedprox, clients, {.momentum = 0.5});
  left.Rounds(20, 3);
  right.Rounds(20, 3);
  EXPECT_EQ(left.model, right.model);
}

TEST(FedProx, WithOneLocalStepIsFedavgForAnyMu) {
  const auto clients = DrawQuadratics(2, 10, 5);
  for (const std::string mu : {"0.001", "1", "7.5"}) {
    const auto fedavg = MakeMethod("fedavg");
    const auto fedprox = MakeMethod("{name: fedprox, mu: " + mu + "}");
    Federation<double> left(*fedavg, clients, {.steps = 1});
    Federation<double> right(*fedprox, clients, {.steps = 1});
    left.Rounds(20, 3);
    right.Rounds(20, 3);
    EXPECT_EQ(left.model, right.model);
  }
}

// On a flat objective a step moves the weights by -lr * mu * distance; the
// gradient of an un-squared norm would not grow with the distance.
TEST(FedProx, PullsInProportionToTheDistance) {
  const Quadratic flat{.curvature = {0, 0, 0}, .optimum = {0, 0, 0}};
  const auto method = MakeMethod("{name: fedprox, mu: 0.5}");
  const std::vector<double> global = {1.0, -2.0, 3.0};
  const std::map<std::string, std::vector<double>> none;
  for (const double length : {1e-3, 1.0, 1e3}) {
    const std::vector<double> start = {1.0 + length, -2.0 - 2.0 * length, 3.0};
    support::QuadraticProblem<double> problem(
        flat, {.lr = 0.1, .steps = 1}, start);
    client::Update<double> update;
    ClientContext<double> context{problem, global, none, none, update};
    method->Client(context);
    const double kept = (1.0 - 0.1 * 0.5) * length;
    EXPECT_NEAR(update.delta[0], kept, 1e-13 * (1.0 + length));
    EXPECT_NEAR(update.delta[1], -2.0 * kept, 1e-13 * (1.0 + length));
    EXPECT_EQ(update.delta[2], 0.0);
  }
}

// x_j = sum_i w_i c_i b_i / sum_i w_i c_i, c_i = a_i / (a_i + mu).
TEST(FedProx, ReachesTheFixedPointOfExactProximalSolutions) {
  for (const std::uint64_t seed : {3u, 4u, 5u}) {
    const auto clients = DrawQuadratics(seed, 10, 5);
    const auto method = MakeMethod("{name: fedprox, mu: 0.7}");
    Federation<double> federation(*method, clients, {.exact = true});
    federation.Rounds(500, 10);
    for (std::size_t j = 0; j < 5; ++j) {
      double pull = 0.0;
      double stiffness = 0.0;
      for (const Quadratic& client : clients) {
        const double weight = static_cast<double>(client.samples) *
                              client.curvature[j] / (client.curvature[j] + 0.7);
        pull += weight * client.optimum[j];
        stiffness += weight;
      }
      EXPECT_NEAR(federation.model[j], pull / stiffness, 1e-12);
    }
  }
}

}  // namespace
}  // namespace fedtorch::algorithm
