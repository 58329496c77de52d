#include "fedtorch/core/stream.h"
#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::attack {
namespace {

using testing::Each;
using testing::ElementsAre;

std::unique_ptr<Attack> Make(const std::string& keys) {
  return Started(
      "{name: neurotoxin, trigger: {name: badnets, size: 1}" + keys + "}",
      Images(1, 2, 2));
}

// The coordinates that training moves.
std::vector<std::size_t> Trained(const Attack& attack,
                                 const std::vector<double>& previous) {
  const std::vector<float> model(previous.size(), 1.0F);
  const auto tampering = attack.Tamper({.model = model, .previous = previous});
  std::vector<float> weights(previous.size(), 2.0F);
  tampering->AfterStep(weights);
  std::vector<float> delta(previous.size(), 1.0F);
  tampering->AfterTraining(delta);
  std::vector<std::size_t> moved;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    EXPECT_EQ(delta[k], weights[k] - model[k]);
    if (weights[k] != model[k]) moved.push_back(k);
  }
  return moved;
}

TEST(Neurotoxin, ALargeNegativeCoordinateIsNeverTrained) {
  const auto attack = Make(", trained: 0.4");
  EXPECT_THAT(Trained(*attack, {-9.0, 0.1, 3.0, -0.2, 5.0}), ElementsAre(1, 3));
}

TEST(Neurotoxin, EqualsASortByMagnitude) {
  for (const double share : {0.1, 0.5, 0.95, 1.0}) {
    const auto attack = Make(", trained: " + std::to_string(share));
    core::Stream stream = core::Stream::Named(1, "previous");
    std::vector<double> previous(200);
    for (double& value : previous) value = stream.Normal();
    std::vector<std::pair<double, std::size_t>> sorted;
    for (std::size_t k = 0; k < previous.size(); ++k) {
      sorted.emplace_back(std::abs(previous[k]), k);
    }
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::size_t> expected;
    const auto count = static_cast<std::size_t>(std::lround(share * 200.0));
    for (std::size_t i = 0; i < count; ++i) {
      expected.push_back(sorted[i].second);
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(Trained(*attack, previous), expected);
  }
}

TEST(Neurotoxin, TheLowestCoordinateWinsATie) {
  const auto attack = Make(", trained: 0.5");
  EXPECT_THAT(Trained(*attack, {1.0, -1.0, 1.0, -1.0}), ElementsAre(0, 1));
  EXPECT_THAT(Trained(*attack, {0.0, 0.0, 0.0, 0.0}), ElementsAre(0, 1));
}

TEST(Neurotoxin, TrainsAtLeastOneCoordinateAndAllBeforeTheFirstAggregate) {
  const auto attack = Make("");
  EXPECT_THAT(Trained(*attack, {5.0, -0.5, 2.0}), ElementsAre(1));
  EXPECT_THAT(Trained(*attack, {1e300, 1e-310, -1e300}), ElementsAre(1));
  const std::vector<float> model{1.0F, 1.0F};
  const auto tampering = attack->Tamper({.model = model});
  std::vector<float> weights{2.0F, 3.0F};
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(2.0F, 3.0F));
}

TEST(Neurotoxin, ClipsTheFinishedUpdate) {
  const auto attack = Make(", max_norm: 0.2");
  const std::vector<float> model{0.0F, 0.0F};
  const auto tampering = attack->Tamper({.model = model});
  std::vector<float> delta{3.0F, -4.0F};
  tampering->AfterTraining(delta);
  EXPECT_FLOAT_EQ(delta[0], 0.12F);
  EXPECT_FLOAT_EQ(delta[1], -0.16F);
  delta = {0.03F, 0.04F};
  tampering->AfterTraining(delta);
  EXPECT_THAT(delta, ElementsAre(0.03F, 0.04F)) << "short enough";
  delta = {0.0F, 0.0F};
  tampering->AfterTraining(delta);
  EXPECT_THAT(delta, Each(0.0F));
  // The squares of these are no finite floats.
  delta = {3e30F, 4e30F};
  tampering->AfterTraining(delta);
  EXPECT_FLOAT_EQ(delta[0], 0.12F);
  EXPECT_FLOAT_EQ(delta[1], 0.16F);
}

TEST(Neurotoxin, PoisonsByItsTrigger) {
  const auto attack =
      Started("{name: neurotoxin, trigger: {name: label_flip, map: mirror}}",
              Images(1, 2, 2));
  OwnedBatch batch({0, 1}, 4);
  attack->Tamper({.seed = 1})->BeforeStep(batch.View());
  EXPECT_THAT(batch.targets, ElementsAre(9, 8));
  EXPECT_EQ(attack->target()->Wanted(0), 9);
}

}  // namespace
}  // namespace fedtorch::attack
