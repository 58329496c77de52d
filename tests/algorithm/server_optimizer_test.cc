// Methods through the server optimisers of the room `server`: the settings in
// which the FedOpt family is fedavg (Reddi et al. 2021; Hsu et al. 2019).
#include "fedtorch/config/document.h"
#include "tests/algorithm/federation.h"

#include <gtest/gtest.h>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;

std::unique_ptr<server::Optimizer> MakeOptimizer(const std::string& yaml) {
  config::Document document =
      config::Document::FromText("server: " + yaml, "test.yaml");
  config::Section root = document.Root();
  std::unique_ptr<server::Optimizer> optimizer =
      config::MakeKind(root,
                       {.name = "server", .help = "Server optimiser."},
                       server::AllKinds(),
                       std::nullopt);
  document.Finish();
  return optimizer;
}

// Runs fedavg with an optimiser and returns the model after each round.
std::vector<std::vector<double>> Path(server::Optimizer& optimizer) {
  const auto method = MakeMethod("fedavg");
  Federation<double> federation(*method, DrawQuadratics(1, 10, 5), {});
  federation.optimizer = &optimizer;
  std::vector<std::vector<double>> path;
  for (int round = 0; round < 20; ++round) {
    federation.Rounds(1, 4);
    path.push_back(federation.model);
  }
  return path;
}

void ExpectEqualPaths(const std::string& yaml, double lr, double tolerance) {
  const auto optimizer = MakeOptimizer(yaml);
  PlainStep plain(lr);
  const auto left = Path(*optimizer);
  const auto right = Path(plain);
  for (std::size_t round = 0; round < left.size(); ++round) {
    EXPECT_LE(LargestDifference(left[round], right[round]), tolerance)
        << yaml << ", round " << round;
  }
}

TEST(ServerOptimizer, SgdIsFedavgToTheBit) {
  ExpectEqualPaths("sgd", 1.0, 0.0);
  ExpectEqualPaths("{name: sgd, lr: 0.3}", 0.3, 0.0);
}

TEST(ServerOptimizer, MomentumZeroIsFedavgToTheBit) {
  ExpectEqualPaths("{name: momentum, momentum: 0}", 1.0, 0.0);
  ExpectEqualPaths("{name: momentum, momentum: 0, nesterov: true}", 1.0, 0.0);
  ExpectEqualPaths("{name: momentum, momentum: 0, form: ema}", 1.0, 0.0);
}

// eta_g = eta / (sqrt(v0) + tau) where v stands still.
TEST(ServerOptimizer, AdamWithAConstantSecondMomentIsFedavg) {
  ExpectEqualPaths(
      "{name: adam, lr: 0.5, beta1: 0, beta2: 1, tau: 0.25, v0: 4}",
      0.5 / 2.25,
      1e-12);
}

// eta delta / (|delta| + tau) -> delta as eta = tau -> infinity; the deltas
// here stay below 10.
TEST(ServerOptimizer, AdamWithAHugeTauIsFedavg) {
  ExpectEqualPaths("{name: adam, lr: 1e9, beta1: 0, beta2: 0, tau: 1e9}",
                   1.0,
                   20 * 100.0 / 1e9);
}

// The momentum of the server starts at zero, so the first round is fedavg's.
TEST(ServerOptimizer, MomentumMovesLikeFedavgInTheFirstRoundOnly) {
  const auto optimizer = MakeOptimizer("momentum");
  PlainStep plain;
  const auto left = Path(*optimizer);
  const auto right = Path(plain);
  EXPECT_EQ(left[0], right[0]);
  EXPECT_NE(left[1], right[1]);
}

}  // namespace
}  // namespace fedtorch::algorithm
