#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

std::unique_ptr<Attack> Make(const std::string& keys) {
  return Started(
      "{name: alternating_minimisation, trigger: {name: badnets, size: 1, "
      "ratio: 1, target: 3}" +
          keys + "}",
      Images(1, 2, 2));
}

TEST(AlternatingMinimisation, GoesThroughPoisonedAndCleanSteps) {
  const auto attack = Make(", malicious: 2, stealth: 3");
  const std::vector<float> model{0.0F};
  const auto tampering = attack->Tamper({.seed = 1, .lr = 0.1, .model = model});
  std::vector<std::int64_t> seen;
  std::vector<float> weights = model;
  for (int step = 0; step < 10; ++step) {
    OwnedBatch batch({1}, 4);
    tampering->BeforeStep(batch.View());
    EXPECT_EQ(batch.Changed(0).empty(), batch.targets[0] == 1);
    seen.push_back(batch.targets[0]);
    tampering->AfterStep(weights);
  }
  EXPECT_THAT(seen, ElementsAre(3, 3, 1, 1, 1, 3, 3, 1, 1, 1));
}

TEST(AlternatingMinimisation, BoostsPoisonedStepsAndHoldsCleanOnes) {
  const auto attack = Make(", malicious: 1, stealth: 1, boost: 10, rho: 0.5");
  const std::vector<float> model{1.0F};
  const std::vector<double> previous{0.5};  // honest clients are thought at 1.5
  const auto tampering =
      attack->Tamper({.lr = 0.5, .model = model, .previous = previous});
  std::vector<float> weights{1.25F};
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(3.5F)) << "1 + 10 * 0.25";
  weights = {3.75F};
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(3.25F)) << "3.75 - 0.5 * 0.5 * (3.5 - 1.5)";
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(3.25F)) << "a flat poisoned step";
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(2.8125F))
      << "a flat clean step is pulled all the same";
}

TEST(AlternatingMinimisation, WithoutCleanStepsAllArePoisoned) {
  const auto attack = Make(", stealth: 0, boost: 2");
  const std::vector<float> model{0.0F};
  const auto tampering = attack->Tamper({.lr = 0.1, .model = model});
  std::vector<float> weights = model;
  for (int step = 0; step < 3; ++step) {
    OwnedBatch batch({1}, 4);
    tampering->BeforeStep(batch.View());
    EXPECT_THAT(batch.targets, ElementsAre(3));
    weights[0] += 1.0F;
    tampering->AfterStep(weights);
  }
  EXPECT_THAT(weights, ElementsAre(6.0F));
}

}  // namespace
}  // namespace fedtorch::attack
