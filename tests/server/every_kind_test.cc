// What holds for every server optimiser.

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <string>
#include <vector>

namespace fedtorch::server {
namespace {

using testing::HasSubstr;

// Every kind, plain and with its options set.
const std::vector<std::string> kConfigs = {
    "sgd",
    "{name: sgd, lr: 0.3}",
    "momentum",
    "{name: momentum, lr: 0.5, momentum: 0.5, nesterov: true, form: ema}",
    "adagrad",
    "{name: adagrad, lr: 1, beta1: 0.5, tau: 0.1, v0: 2}",
    "adam",
    "{name: adam, lr: 1, beta1: 0.5, beta2: 0.8, tau: 0, v0: 0, "
    "bias_correction: adam}",
    "yogi",
    "{name: yogi, lr: 1, beta1: 0.5, beta2: 0.8, v0: 1, "
    "bias_correction: adam}"};

class EveryOptimizer : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Optimizer> Make() const { return FromText(GetParam()); }
};

TEST_P(EveryOptimizer, GoesOnFromASavedStateToTheBit) {
  const std::vector<Vector> deltas = DrawDeltas(1, 9, 50);
  const Vector start(50, 0.25);
  const auto uninterrupted = Make();
  const std::vector<Vector> expected = Steps(*uninterrupted, start, deltas);
  for (std::size_t cut = 0; cut <= deltas.size(); ++cut) {
    const auto first = Make();
    const std::vector<Vector> before(
        deltas.begin(), deltas.begin() + static_cast<std::ptrdiff_t>(cut));
    const std::vector<Vector> after(
        deltas.begin() + static_cast<std::ptrdiff_t>(cut), deltas.end());
    const std::vector<Vector> models = Steps(*first, start, before);
    const auto second = Make();
    second->LoadState(first->SaveState());
    const Vector middle = models.empty() ? start : models.back();
    const std::vector<Vector> resumed = Steps(*second, middle, after);
    EXPECT_EQ(resumed.empty() ? middle : resumed.back(), expected.back());
    EXPECT_EQ(second->SaveState(), uninterrupted->SaveState());
  }
}

TEST_P(EveryOptimizer, ForgetsItsOwnStateWhenItLoadsAnother) {
  const auto other = Make();
  Steps(*other, Vector(6, 0.0), DrawDeltas(2, 3, 6));
  const auto fresh = Make();
  fresh->LoadState(other->SaveState());
  Steps(*other, Vector(6, 0.0), DrawDeltas(3, 4, 6));
  other->LoadState(fresh->SaveState());
  EXPECT_EQ(Steps(*other, Vector(6, 1.0), DrawDeltas(4, 2, 6)),
            Steps(*fresh, Vector(6, 1.0), DrawDeltas(4, 2, 6)));
}

TEST_P(EveryOptimizer, RefusesAStateThatIsNotItsOwn) {
  const auto optimizer = Make();
  Steps(*optimizer, Vector(3, 0.0), DrawDeltas(5, 1, 3));
  State extra = optimizer->SaveState();
  extra["w"] = {1.0};
  try {
    Make()->LoadState(extra);
    FAIL() << "an unknown vector was taken";
  } catch (const core::RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("does not fit the server optimiser"));
    EXPECT_THAT(error.what(), HasSubstr("w"));
  }
  for (const auto& [name, values] : optimizer->SaveState()) {
    State missing = optimizer->SaveState();
    missing.erase(name);
    EXPECT_THROW(Make()->LoadState(missing), core::RunError) << name;
    State longer = optimizer->SaveState();
    longer[name].push_back(0.0);
    EXPECT_THROW(optimizer->LoadState(longer), core::RunError) << name;
  }
  // A refusal leaves the state as it was.
  const State before = optimizer->SaveState();
  EXPECT_THROW(optimizer->LoadState(extra), core::RunError);
  EXPECT_EQ(optimizer->SaveState(), before);
}

TEST_P(EveryOptimizer, RefusesAModelOfAnotherSize) {
  const auto optimizer = Make();
  Vector model(4, 0.0);
  EXPECT_THROW(optimizer->Step(model, Vector(5, 0.0)), core::Bug);
}

TEST_P(EveryOptimizer, StaysWhereNothingPulls) {
  const auto optimizer = Make();
  const Vector start = {1.5, -2.0, 0.0};
  for (const Vector& model :
       Steps(*optimizer, start, std::vector<Vector>(5, Vector(3, 0.0)))) {
    EXPECT_EQ(model, start);
  }
}

TEST_P(EveryOptimizer, MirrorsAMirroredDelta) {
  const std::vector<Vector> deltas = DrawDeltas(6, 6, 20);
  std::vector<Vector> mirrored = deltas;
  for (Vector& delta : mirrored) {
    for (double& value : delta) value = -value;
  }
  const Vector forth = Steps(*Make(), Vector(20, 0.0), deltas).back();
  Vector back = Steps(*Make(), Vector(20, 0.0), mirrored).back();
  for (double& value : back) value = -value;
  EXPECT_EQ(back, forth);
}

TEST_P(EveryOptimizer, TreatsEachCoordinateOnItsOwn) {
  const std::vector<Vector> deltas = DrawDeltas(7, 6, 30);
  const Vector together = Steps(*Make(), Vector(30, 0.0), deltas).back();
  for (std::size_t i = 0; i < 30; ++i) {
    std::vector<Vector> alone;
    for (const Vector& delta : deltas) alone.push_back({delta[i]});
    EXPECT_EQ(Steps(*Make(), {0.0}, alone).back().front(), together[i]);
  }
}

TEST_P(EveryOptimizer, GivesTheSameBitsOnAnyNumberOfThreads) {
  std::vector<Vector> results;
  for (const std::size_t threads : {1u, 4u}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(
        Steps(*Make(), Vector(30001, 0.5), DrawDeltas(8, 3, 30001)).back());
  }
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Configs,
                         EveryOptimizer,
                         testing::ValuesIn(kConfigs),
                         [](const auto& one) {
                           return "number" + std::to_string(one.index);
                         });

TEST(ServerKinds, AreNamedAsTheirFilesAndStateWhereTheyComeFrom) {
  std::vector<std::string_view> names;
  for (const Kind* kind : Kinds()) {
    names.push_back(kind->name);
    EXPECT_FALSE(kind->summary.empty());
    EXPECT_FALSE(kind->source.empty());
  }
  EXPECT_THAT(names, testing::ElementsAreArray(KindFileStems()));
  EXPECT_THAT(
      names,
      testing::ElementsAre("adagrad", "adam", "momentum", "sgd", "yogi"));
}

TEST(ServerKinds, AreAllInThisBattery) {
  for (const Kind* kind : Kinds()) {
    EXPECT_THAT(kConfigs, testing::Contains(std::string(kind->name)));
  }
}

}  // namespace
}  // namespace fedtorch::server
