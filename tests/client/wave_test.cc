#include "fedtorch/client/wave.h"

#include "fedtorch/client/session_problem.h"
#include "fedtorch/client/stacked_problem.h"
#include "fedtorch/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>
#include <stdexcept>

namespace fedtorch::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Notes who meets; a client's loss is the size of its stack.
class CountingStack final : public engine::Stack {
 public:
  engine::StackedWork Train(
      std::span<engine::StackedClient<float>> clients) override {
    if (fails) throw std::runtime_error("out of memory");
    stacks.push_back(static_cast<int>(clients.size()));
    for (auto& client : clients) {
      client.loss = static_cast<double>(clients.size());
    }
    return {.client_steps = 1, .slots = 1};
  }
  engine::StackedWork Gradients(
      std::span<engine::StackedGradient<float>> clients) override {
    gradients.push_back(static_cast<int>(clients.size()));
    return {.client_steps = 10, .slots = 10};
  }
  std::vector<int> stacks;
  std::vector<int> gradients;
  bool fails = false;
};

const Wave::LaneHook kNoHook = [](std::size_t, std::size_t) {};

TEST(Wave, TrainsTogetherWhoeverWaits) {
  CountingStack stack;
  Wave wave(stack, 2);
  std::vector<double> losses(7, 0.0);
  // Half 3 asks three times, half 5 not at all, half 6 for a gradient.
  wave.Run(
      7,
      [&](std::size_t half) {
        if (half == 5) return;
        if (half == 6) {
          engine::StackedGradient<float> gradient;
          wave.Gradient(half, gradient);
          return;
        }
        engine::StackedClient<float> client;
        for (int i = 0; i < (half == 3 ? 3 : 1); ++i) wave.Train(half, client);
        losses[half] = client.loss;
      },
      kNoHook,
      kNoHook);
  EXPECT_THAT(stack.stacks, ElementsAre(5, 1, 1));
  EXPECT_THAT(stack.gradients, ElementsAre(1));
  EXPECT_THAT(losses, ElementsAre(5, 5, 5, 1, 5, 0, 0));
  EXPECT_EQ(wave.TakeWork().client_steps, 13);
  EXPECT_EQ(wave.TakeWork().client_steps, 0);
}

TEST(Wave, GivesEveryHalfThatRunsALaneOfItsOwn) {
  CountingStack stack;
  constexpr std::size_t kLanes = 3;
  Wave wave(stack, kLanes);
  std::vector<std::atomic<int>> on_lane(kLanes);
  std::atomic<int> crowded{0};
  std::atomic<int> entered{0};
  wave.Run(
      40,
      [&](std::size_t half) {
        engine::StackedClient<float> client;
        wave.Train(half, client);
      },
      [&](std::size_t, std::size_t lane) {
        ++entered;
        if (++on_lane.at(lane) != 1) ++crowded;
      },
      [&](std::size_t, std::size_t lane) { --on_lane.at(lane); });
  EXPECT_EQ(crowded, 0);
  EXPECT_EQ(entered, 80) << "at the start and after the training";
  EXPECT_THAT(stack.stacks, ElementsAre(40));
}

TEST(Wave, AFailureOfTheStackReachesEveryHalfAndLeavesTheWaveUsable) {
  CountingStack stack;
  Wave wave(stack, 2);
  std::atomic<int> caught{0};
  const auto half = [&](std::size_t i) {
    engine::StackedClient<float> client;
    try {
      wave.Train(i, client);
    } catch (const std::runtime_error& error) {
      if (std::string(error.what()) == "out of memory") ++caught;
    }
  };
  stack.fails = true;
  wave.Run(9, half, kNoHook, kNoHook);
  EXPECT_EQ(caught, 9);
  stack.fails = false;
  wave.Run(4, half, kNoHook, kNoHook);
  EXPECT_EQ(caught, 9);
  EXPECT_THAT(stack.stacks, ElementsAre(4));
}

// 60 samples of 4 features in 3 classes.
data::Dataset SmallData() {
  data::Dataset dataset;
  dataset.shape = {4};
  dataset.num_classes = 3;
  core::Stream stream = core::Stream::Named(1, "data");
  for (int i = 0; i < 60; ++i) {
    for (int j = 0; j < 4; ++j) {
      dataset.floats.push_back(static_cast<float>(stream.Normal()));
    }
    dataset.targets.push_back(i % 3);
  }
  return dataset;
}

class StackedProblemTest : public ::testing::TestWithParam<LocalWork> {
 protected:
  StackedProblemTest()
      : dataset_(SmallData()),
        network_(model::Network::Build({model::Dense(6),
                                        model::Simple(model::LayerType::kRelu),
                                        model::Dropout(0.3),
                                        model::Dense(3)},
                                       {.shape = {4}, .num_classes = 3})),
        indices_(60),
        initial_(static_cast<std::size_t>(network_.num_parameters())) {
    std::iota(indices_.begin(), indices_.end(), 0);
    network_.InitialParameters(1, initial_);
    const std::vector<float> ones(initial_.size(), 0.02F);
    linear_ = ones;
  }

  // Clients of 0, 7, 14, ... samples; odd ones do less work.
  Task TaskOf(std::size_t client, const LocalWork& work) const {
    return {.client = static_cast<std::int64_t>(client),
            .round = 3,
            .indices = std::span(indices_).subspan(5, 7 * client),
            .epochs = client % 2 == 0 ? work.epochs : 1,
            .lr = 0.2};
  }
  // What a method might do: a gradient, then training with a correction.
  void Half(ReusableProblem& problem,
            const Task& task,
            LocalResult* result,
            std::vector<float>* gradient,
            double* gradient_loss) const {
    problem.Begin(task);
    std::copy(initial_.begin(), initial_.end(), problem.weights().begin());
    gradient->resize(problem.dimension());
    if (task.client % 2 == 0) *gradient_loss = problem.FullGradient(*gradient);
    Correction<float> correction{.prox = 0.1, .anchor = initial_};
    if (task.client % 3 != 0) correction.linear = linear_;
    *result = problem.Train(correction);
  }

  data::Dataset dataset_;
  model::Network network_;
  std::vector<std::int64_t> indices_;
  std::vector<float> initial_;
  std::vector<float> linear_;
};

TEST_P(StackedProblemTest, DoesWhatASessionDoes) {
  const LocalWork work = GetParam();
  constexpr std::size_t kClients = 7;
  engine::PrepareThread();
  const auto stack = engine::MakeStack<float>(network_, {});
  Wave wave(*stack, 2);
  std::vector<std::unique_ptr<StackedProblem>> problems;
  for (std::size_t i = 0; i < kClients; ++i) {
    problems.push_back(std::make_unique<StackedProblem>(
        wave, i, initial_.size(), dataset_, work, 5));
  }
  std::vector<LocalResult> results(kClients);
  std::vector<std::vector<float>> gradients(kClients);
  std::vector<double> losses(kClients, 0.0);
  wave.Run(
      kClients,
      [&](std::size_t i) {
        Half(*problems[i],
             TaskOf(i, work),
             &results[i],
             &gradients[i],
             &losses[i]);
      },
      kNoHook,
      kNoHook);

  const auto session =
      engine::MakeAutogradSession(network_, model::BufferPolicy::kAggregate);
  SessionProblem alone(*session, dataset_, work, 5);
  for (std::size_t i = 0; i < kClients; ++i) {
    SCOPED_TRACE(i);
    LocalResult result;
    std::vector<float> gradient;
    double loss = 0.0;
    Half(alone, TaskOf(i, work), &result, &gradient, &loss);
    EXPECT_EQ(results[i].steps, result.steps);
    EXPECT_EQ(results[i].examples, result.examples);
    EXPECT_EQ(results[i].a_norm, result.a_norm);
    EXPECT_EQ(results[i].lr, result.lr);
    EXPECT_NEAR(results[i].loss, result.loss, 1e-5);
    EXPECT_NEAR(losses[i], loss, 1e-5);
    for (std::size_t j = 0; j < initial_.size(); ++j) {
      ASSERT_NEAR(problems[i]->weights()[j], alone.weights()[j], 1e-5);
      ASSERT_NEAR(gradients[i][j], gradient[j], 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryLocalWork,
    StackedProblemTest,
    ::testing::Values(
        LocalWork{.epochs = 3, .batch_size = 5},
        LocalWork{.epochs = 3, .batch_size = 5, .keep_last_batch = false},
        LocalWork{.epochs = 2, .batch_size = 0, .momentum = 0.9},
        LocalWork{.steps = 9, .batch_size = 4, .weight_decay = 0.1},
        LocalWork{
            .epochs = 2, .batch_size = 8, .order = LocalWork::Order::kOnce},
        LocalWork{.epochs = 2,
                  .batch_size = 8,
                  .order = LocalWork::Order::kAsStored}));

// The momentum buffer belongs to one call, whoever computes it.
TEST(SessionProblem, EveryTrainingStartsWithoutMomentum) {
  const data::Dataset dataset = SmallData();
  const model::Network network = model::Network::Build(
      {model::Dense(3)}, {.shape = {4}, .num_classes = 3});
  const auto session =
      engine::MakeAutogradSession(network, model::BufferPolicy::kAggregate);
  const LocalWork work{.batch_size = 10, .momentum = 0.9};
  std::vector<std::int64_t> indices(60);
  std::iota(indices.begin(), indices.end(), 0);
  SessionProblem problem(*session, dataset, work, 5);
  problem.Begin({.client = 1, .round = 1, .indices = indices, .lr = 0.1});
  const std::vector<float> start(problem.weights().begin(),
                                 problem.weights().end());
  problem.Train({});
  const std::vector<float> once(problem.weights().begin(),
                                problem.weights().end());
  std::copy(start.begin(), start.end(), problem.weights().begin());
  problem.Train({});
  EXPECT_TRUE(std::equal(once.begin(), once.end(), problem.weights().begin()));
}

}  // namespace
}  // namespace fedtorch::client
