// The quadratic test that tells right forms from wrong ones: ten clients,
// f_i(x) = 1/2 sum_j a_ij (x_j - b_ij)^2, five local full-gradient steps, all
// clients or two of ten. Right forms reach the optimum of the mean objective,
// wrong ones stall away from it or diverge. The figures depend on the draw, the
// classes do not.
#include "fedtorch/core/stream.h"
#include "tests/algorithm/federation.h"
#include "tests/algorithm/wrong_forms.h"

#include <gtest/gtest.h>

#include <tuple>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::LocalWork;
using support::MeanOptimum;

constexpr int kRounds = 2000;
constexpr double kReached = 1e-12;
constexpr double kNearlyReached = 1e-8;
constexpr double kStalled = 1e-3;

// Seed of the draw, size of the cohort.
class Quadratics
    : public testing::TestWithParam<std::tuple<std::uint64_t, std::size_t>> {
 protected:
  Federation<double> Federate(Method& method, const LocalWork& work) const {
    return {method, DrawQuadratics(std::get<0>(GetParam()), 10, 5), work};
  }
  Ending Run(Federation<double>& federation, int rounds = kRounds) const {
    federation.weighting = aggregate::Weighting::kUniform;
    return RunToTheEnd(federation,
                       rounds,
                       std::get<1>(GetParam()),
                       MeanOptimum(federation.clients()));
  }
  Ending Run(Method& method, const LocalWork& work) const {
    Federation<double> federation = Federate(method, work);
    return Run(federation);
  }
  Ending Run(const std::string& yaml, const LocalWork& work) const {
    const auto method = MakeMethod(yaml);
    return Run(*method, work);
  }
};

void ExpectReached(const Ending& ending, double bound = kReached) {
  EXPECT_FALSE(ending.diverged);
  EXPECT_LT(ending.distance, bound);
}

void ExpectStalled(const Ending& ending) {
  EXPECT_FALSE(ending.diverged);
  EXPECT_GT(ending.distance, kStalled);
}

TEST_P(Quadratics, FedavgStalls) { ExpectStalled(Run("fedavg", {})); }

TEST_P(Quadratics, ScaffoldReachesTheOptimum) {
  ExpectReached(Run("{name: scaffold, option: 1}", {}));
  ExpectReached(Run("{name: scaffold, option: 2}", {}));
}

TEST_P(Quadratics, ScaffoldWithMomentumInsideReachesTheOptimum) {
  const LocalWork work{.lr = 0.05, .momentum = 0.9};
  ExpectReached(Run("{name: scaffold, option: 1}", work));
  ExpectReached(Run("{name: scaffold, option: 2}", work));
}

TEST_P(Quadratics, ScaffoldWithUnequalDecayingStepsReachesTheOptimum) {
  const auto method = MakeMethod("scaffold");
  Federation<double> federation = Federate(*method, {.decay = 0.9});
  for (std::size_t i = 0; i < 10; ++i) {
    federation.works[i].steps = static_cast<std::int64_t>(i % 5) + 2;
  }
  ExpectReached(Run(federation));
}

TEST_P(Quadratics, ScaffoldMayStartFromEqualControls) {
  const auto method = MakeMethod("scaffold");
  Federation<double> federation = Federate(*method, {});
  const std::vector<double> control = {1.0, -2.0, 0.5, 3.0, -0.7};
  for (auto& state : federation.states) state["control"] = control;
  method->LoadState({{"control", control}});
  ExpectReached(Run(federation));
}

TEST_P(Quadratics, ScaffoldStallsFromControlsWhoseMeanTheServerMisses) {
  const auto method = MakeMethod("scaffold");
  Federation<double> federation = Federate(*method, {});
  core::Stream stream = core::Stream::Named(5, "test/controls");
  for (auto& state : federation.states) {
    for (int j = 0; j < 5; ++j) state["control"].push_back(stream.Normal());
  }
  ExpectStalled(Run(federation));
}

TEST_P(Quadratics, ScaffoldStoredWithTurnedSignDiverges) {
  WrongScaffold method(ScaffoldMistake::kStoredWithTurnedSign, 5, 0.0);
  EXPECT_TRUE(Run(method, {}).diverged);
}

TEST_P(Quadratics, ScaffoldNeverStoredStalls) {
  WrongScaffold method(ScaffoldMistake::kNeverStored, 5, 0.0);
  ExpectStalled(Run(method, {}));
}

TEST_P(Quadratics, ScaffoldWithMomentumOutsideStalls) {
  WrongScaffold method(ScaffoldMistake::kMomentumOutside, 5, 0.9);
  ExpectStalled(Run(method, {.momentum = 0.9}));
}

TEST_P(Quadratics, ScaffoldWithMomentumDividedByTheStepCountDiverges) {
  WrongScaffold method(ScaffoldMistake::kDividedByStepCount, 5, 0.9);
  EXPECT_TRUE(Run(method, {.momentum = 0.9}).diverged);
}

TEST_P(Quadratics, FeddynReachesTheOptimum) {
  ExpectReached(Run("{name: feddyn, alpha: 1}", {.steps = 50}));
  // A small alpha is slow with two clients of ten.
  const auto weak = MakeMethod("{name: feddyn, alpha: 0.1}");
  Federation<double> federation = Federate(*weak, {.steps = 50});
  ExpectReached(Run(federation, 3000), kNearlyReached);
}

TEST_P(Quadratics, FeddynDetachedStalls) {
  WrongFedDyn method(FedDynMistake::kDetached, 1.0, 50);
  ExpectStalled(Run(method, {.steps = 50}));
}

TEST_P(Quadratics, FeddynWithAnUnsquaredNormDivergesOrStalls) {
  WrongFedDyn strong(FedDynMistake::kUnsquaredNorm, 1.0, 50);
  EXPECT_TRUE(Run(strong, {.steps = 50}).diverged);
  WrongFedDyn weak(FedDynMistake::kUnsquaredNorm, 0.1, 50);
  ExpectStalled(Run(weak, {.steps = 50}));
}

TEST_P(Quadratics, FeddynWithoutAlphaThetaDivergesOrStalls) {
  WrongFedDyn strong(FedDynMistake::kWithoutAlphaTheta, 1.0, 50);
  EXPECT_TRUE(Run(strong, {.steps = 50}).diverged);
  WrongFedDyn weak(FedDynMistake::kWithoutAlphaTheta, 0.1, 50);
  ExpectStalled(Run(weak, {.steps = 50}));
}

TEST_P(Quadratics, FeddynWithTheDualStepTurnedDiverges) {
  for (const double alpha : {1.0, 0.1}) {
    WrongFedDyn method(FedDynMistake::kTurnedDualStep, alpha, 50);
    EXPECT_TRUE(Run(method, {.steps = 50}).diverged) << "alpha " << alpha;
  }
}

INSTANTIATE_TEST_SUITE_P(Draws,
                         Quadratics,
                         testing::Combine(testing::Values(11u, 12u, 13u),
                                          testing::Values(10u, 2u)));

}  // namespace
}  // namespace fedtorch::algorithm
