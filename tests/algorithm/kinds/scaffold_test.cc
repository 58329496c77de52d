// Rule and tests of scaffold: Karimireddy et al. 2020.
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/algorithm/federation.h"

#include <gtest/gtest.h>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::LocalWork;

// Sum of the stored c_i over all clients, absent ones being zero.
std::vector<double> SumOfControls(const Federation<double>& federation) {
  std::vector<double> sum(federation.model.size(), 0.0);
  for (const auto& state : federation.states) {
    const auto control = state.find("control");
    if (control == state.end()) continue;
    for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += control->second[j];
  }
  return sum;
}

std::vector<double> TimesClients(std::vector<double> vector,
                                 std::size_t count) {
  for (double& entry : vector) entry *= static_cast<double>(count);
  return vector;
}

// Gives every client a random control variate.
void RandomControls(Federation<double>& federation) {
  core::Stream stream = core::Stream::Named(3, "test/controls");
  for (auto& state : federation.states) {
    for (std::size_t j = 0; j < federation.model.size(); ++j) {
      state["control"].push_back(stream.Normal());
    }
  }
}

TEST(Scaffold, FirstRoundIsUniformFedavg) {
  const auto clients = DrawQuadratics(1, 10, 5);
  for (const std::string option : {"1", "2"}) {
    const auto scaffold =
        MakeMethod("{name: scaffold, option: " + option + "}");
    const auto fedavg = MakeMethod("fedavg");
    Federation<double> left(*scaffold, clients, {.momentum = 0.5});
    Federation<double> right(*fedavg, clients, {.momentum = 0.5});
    right.weighting = aggregate::Weighting::kUniform;
    left.Rounds(1, 4);
    right.Rounds(1, 4);
    EXPECT_EQ(left.model, right.model);
  }
}

TEST(Scaffold, WithOneStepStoresTheGradientAndMovesLikeSgd) {
  const auto clients = DrawQuadratics(2, 10, 5);
  const auto scaffold = MakeMethod("{name: scaffold, option: 2}");
  const auto fedsgd = MakeMethod("fedsgd");
  Federation<double> left(*scaffold, clients, {.steps = 1});
  Federation<double> right(*fedsgd, clients, {.steps = 1});
  right.weighting = aggregate::Weighting::kUniform;
  for (int round = 0; round < 20; ++round) {
    const std::vector<double> before = left.model;
    left.Rounds(1, 10);
    right.Rounds(1, 10);
    ASSERT_LT(LargestDifference(left.model, right.model), 1e-12);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      ASSERT_LT(LargestDifference(left.states[i]["control"],
                                  clients[i].Gradient(before)),
                1e-12);
    }
  }
}

TEST(Scaffold, OptionOneStoresTheGradientAtTheGlobalModel) {
  const auto clients = DrawQuadratics(3, 10, 5);
  const auto method = MakeMethod("{name: scaffold, option: 1}");
  Federation<double> federation(*method, clients, {.momentum = 0.9});
  for (int round = 0; round < 10; ++round) {
    const std::vector<double> before = federation.model;
    federation.Rounds(1, 3);
    for (const auto& [client, update] : federation.last) {
      const auto i = static_cast<std::size_t>(client);
      ASSERT_EQ(federation.states[i]["control"], clients[i].Gradient(before));
    }
  }
}

TEST(Scaffold, KeepsTheMeanOfTheControlsUnderAnyParticipation) {
  const auto clients = DrawQuadratics(4, 10, 5);
  for (const std::string option : {"1", "2"}) {
    for (const bool random_start : {false, true}) {
      const auto method =
          MakeMethod("{name: scaffold, option: " + option + "}");
      Federation<double> federation(*method, clients, {});
      if (random_start) {
        RandomControls(federation);
        std::vector<double> mean = SumOfControls(federation);
        for (double& entry : mean) entry /= 10.0;
        method->LoadState({{"control", mean}});
      }
      for (std::size_t round = 0; round < 60; ++round) {
        federation.Rounds(1, 1 + round % 10);
        ASSERT_LT(LargestDifference(
                      SumOfControls(federation),
                      TimesClients(method->Broadcast().at("control"), 10)),
                  1e-11);
      }
    }
  }
}

// With identical objectives c_i = c after a full round, so nothing is left of
// the correction.
TEST(Scaffold, WithIdenticalDataIsFedavg) {
  const std::vector<support::Quadratic> clients(
      6, DrawQuadratics(5, 1, 5).front());
  const auto scaffold = MakeMethod("scaffold");
  const auto fedavg = MakeMethod("fedavg");
  Federation<double> left(*scaffold, clients, {});
  Federation<double> right(*fedavg, clients, {});
  left.Rounds(50, 6);
  right.Rounds(50, 6);
  EXPECT_LT(LargestDifference(left.model, right.model), 1e-12);
}

// A client drawn twice pulls the mean twice but has one control variate.
TEST(Scaffold, CountsAClientDrawnTwiceOnceInTheControl) {
  const auto clients = DrawQuadratics(6, 10, 5);
  const auto method = MakeMethod("scaffold");
  Federation<double> federation(*method, clients, {});
  federation.Round({3, 8, 3});
  for (std::size_t j = 0; j < 5; ++j) {
    EXPECT_NEAR(federation.model[j],
                (2.0 * federation.last.at(3).delta[j] +
                 federation.last.at(8).delta[j]) /
                    3.0,
                1e-13);
  }
  EXPECT_LT(
      LargestDifference(SumOfControls(federation),
                        TimesClients(method->Broadcast().at("control"), 10)),
      1e-13);
}

// With the correction inside the momentum and ||a||_1 in place of K the step
// reconstructs a weighted mean of the local gradients; here, where all
// gradients along the path are equal, the gradient itself.
TEST(Scaffold, ReconstructsTheGradientUnderMomentumAndDecay) {
  for (const LocalWork work :
       {LocalWork{.momentum = 0.9}, LocalWork{.decay = 0.8}}) {
    // A curvature of 1e-9 around a far optimum: a constant gradient of 3.
    const std::vector<support::Quadratic> clients(
        2, {.curvature = {1e-9}, .optimum = {-3e9}});
    const auto method = MakeMethod("scaffold");
    Federation<double> federation(*method, clients, work);
    method->LoadState({{"control", {0.25}}});
    federation.states[0]["control"] = {0.5};
    federation.states[1]["control"] = {0.0};
    federation.Round({0});
    EXPECT_NEAR(federation.states[0]["control"][0], 3.0, 1e-6);
    EXPECT_NEAR(method->Broadcast().at("control")[0], 0.25 + 2.5 / 2, 1e-6);
  }
}

TEST(Scaffold, RefusesAStateThatDoesNotFit) {
  const auto method = MakeMethod("scaffold");
  method->Start(3);
  EXPECT_THROW(method->LoadState({}), core::RunError);
  EXPECT_THROW(method->LoadState({{"control", {1.0, 2.0}}}), core::RunError);
  EXPECT_NO_THROW(method->LoadState({{"control", {1.0, 2.0, 3.0}}}));
}

}  // namespace
}  // namespace fedtorch::algorithm
