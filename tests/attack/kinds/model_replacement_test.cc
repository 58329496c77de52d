#include "tests/attack/poisoning_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::HasSubstr;

std::unique_ptr<Attack> Make(const std::string& keys) {
  return Started(
      "{name: model_replacement, trigger: {name: badnets, size: 1, "
      "ratio: 1, target: 3}" +
          keys + "}",
      Images(1, 2, 2));
}

TEST(ModelReplacement, TheAnomalyTermHasAGradient) {
  // A step in which the poisoned loss is flat: all that moves is the term.
  const std::vector<float> model{1.0F, 1.0F, 1.0F};
  const auto attack = Make(", alpha: 0.75");
  const auto tampering = attack->Tamper({.lr = 0.5, .model = model});
  std::vector<float> weights{3.0F, 1.0F, -1.0F};
  tampering->AfterStep(weights);  // from the model: nothing to pull yet
  EXPECT_THAT(weights, ElementsAre(2.5F, 1.0F, -0.5F)) << "0.75 of the step";
  tampering->AfterStep(weights);  // no step: lr * 0.25 * (w - model)
  EXPECT_THAT(
      weights,
      ElementsAre(
          FloatEq(2.5F - 0.125F * 1.5F), 1.0F, FloatEq(-0.5F + 0.125F * 1.5F)));
}

TEST(ModelReplacement, StepsDownTheWeightedLoss) {
  // Gradient descent on alpha (w - 4)^2 / 2 + (1 - alpha) (w - 1)^2 / 2.
  const std::vector<float> model{1.0F};
  const auto attack = Make(", alpha: 0.6");
  const auto tampering = attack->Tamper({.lr = 0.1, .model = model});
  std::vector<float> weights = model;
  double plain = 1.0;
  for (int step = 0; step < 100; ++step) {
    weights[0] -= 0.1F * (weights[0] - 4.0F);
    tampering->AfterStep(weights);
    plain -= 0.1 * (0.6 * (plain - 4.0) + 0.4 * (plain - 1.0));
    ASSERT_NEAR(weights[0], plain, 1e-5);
  }
  EXPECT_NEAR(weights[0], 0.6 * 4.0 + 0.4 * 1.0, 1e-3);
}

TEST(ModelReplacement, WithAlphaOneOnlyBoosts) {
  const std::vector<float> model{1.0F};
  const auto attack = Make(", alpha: 1, boost: 50");
  const auto tampering = attack->Tamper({.lr = 0.1, .model = model});
  std::vector<float> weights{3.0F};
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(3.0F));
  std::vector<float> delta{0.5F, -2.0F};
  tampering->AfterTraining(delta);
  EXPECT_THAT(delta, ElementsAre(25.0F, -100.0F));
}

TEST(ModelReplacement, TheMeanOfABoostedUpdateIsThePoisonedModel) {
  const std::vector<float> model{1.0F};
  for (const auto& [keys, eta] :
       {std::pair("", 1.0), std::pair(", eta: 0.5", 0.5)}) {
    const auto attack = Make(keys);
    const auto tampering =
        attack->Tamper({.cohort = 10, .lr = 0.1, .model = model});
    std::vector<float> delta{0.75F};
    tampering->AfterTraining(delta);
    // Nine others send nothing.
    EXPECT_FLOAT_EQ(static_cast<float>(eta) * delta[0] / 10.0F, 0.75F);
  }
}

TEST(ModelReplacement, StaysInItsBall) {
  const std::vector<float> model{1.0F, 1.0F};
  const auto attack = Make(", alpha: 1, radius: 0.5, boost: 1");
  const auto tampering = attack->Tamper({.lr = 0.1, .model = model});
  std::vector<float> weights{4.0F, 5.0F};
  tampering->AfterStep(weights);
  EXPECT_FLOAT_EQ(weights[0], 1.3F);
  EXPECT_FLOAT_EQ(weights[1], 1.4F);
  weights = {1.25F, 1.0F};
  tampering->AfterStep(weights);
  EXPECT_THAT(weights, ElementsAre(1.25F, 1.0F)) << "inside";
  std::vector<float> delta{3.0F, 4.0F};
  tampering->AfterTraining(delta);
  EXPECT_FLOAT_EQ(delta[0], 0.3F) << "of a method that takes no steps";
}

TEST(ModelReplacement, PoisonsByItsTrigger) {
  const std::vector<float> model{1.0F};
  const auto attack = Make("");
  OwnedBatch batch({0, 1}, 4);
  attack->Tamper({.seed = 1, .lr = 0.1, .model = model})
      ->BeforeStep(batch.View());
  EXPECT_THAT(batch.targets, ElementsAre(3, 3));
  EXPECT_THAT(batch.Changed(0), ElementsAre(3));
  ASSERT_NE(attack->target(), nullptr);
  EXPECT_EQ(attack->target()->Wanted(0), 3);
  EXPECT_FALSE(attack->target()->Counts(3));
}

TEST(ModelReplacement, TakesAnyKindThatPoisonsDataAndNoOther) {
  for (const char* trigger : {"dba", "label_flip", "badnets"}) {
    EXPECT_EQ(MistakeOf(std::string("{name: model_replacement, trigger: ") +
                            trigger + "}",
                        Images(1, 28, 28)),
              "no error");
  }
  for (const char* other : {"sign_flip", "model_replacement", "ascent"}) {
    EXPECT_THAT(MistakeOf(std::string("{name: model_replacement, trigger: ") +
                              other + "}",
                          Images(1, 28, 28)),
                HasSubstr("trigger"));
  }
}

TEST(ModelReplacement, NamesWhatIsWrong) {
  EXPECT_THAT(MistakeOf("{name: model_replacement, boost: 2, eta: 0.5}",
                        Images(1, 9, 9)),
              HasSubstr("remove one of the two"));
  EXPECT_THAT(MistakeOf("model_replacement", Images(1, 3, 3)),
              HasSubstr("attack badnets: the pattern leaves the image"));
}

}  // namespace
}  // namespace fedtorch::attack
