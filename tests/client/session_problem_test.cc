#include "fedtorch/client/session_problem.h"

#include "fedtorch/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace fedtorch::client {
namespace {

// 23 samples of 4 features in 3 classes.
data::Dataset SmallData() {
  data::Dataset dataset;
  dataset.shape = {4};
  dataset.num_classes = 3;
  core::Stream stream = core::Stream::Named(1, "data");
  for (int i = 0; i < 23; ++i) {
    for (int j = 0; j < 4; ++j) {
      dataset.floats.push_back(static_cast<float>(stream.Normal()));
    }
    dataset.targets.push_back(i % 3);
  }
  return dataset;
}

class SessionProblemTest : public ::testing::Test {
 protected:
  SessionProblemTest()
      : dataset_(SmallData()),
        network_(model::Network::Build({model::Dense(5),
                                        model::Simple(model::LayerType::kTanh),
                                        model::Dense(3)},
                                       {.shape = {4}, .num_classes = 3})),
        session_(engine::MakeAutogradSession(network_,
                                             model::BufferPolicy::kAggregate)),
        indices_(23) {
    std::iota(indices_.begin(), indices_.end(), 0);
    initial_.assign(session_->parameters().begin(),
                    session_->parameters().end());
  }

  LocalResult Train(const LocalWork& work,
                    std::int64_t client,
                    std::vector<float>* weights) {
    SessionProblem problem(*session_, dataset_, work, 5);
    std::copy(initial_.begin(), initial_.end(), session_->parameters().begin());
    problem.Begin({.client = client,
                   .round = 1,
                   .indices = indices_,
                   .epochs = work.epochs,
                   .lr = work.lr});
    const LocalResult result = problem.Train({});
    weights->assign(session_->parameters().begin(),
                    session_->parameters().end());
    return result;
  }

  data::Dataset dataset_;
  model::Network network_;
  std::unique_ptr<engine::Session> session_;
  std::vector<std::int64_t> indices_;
  std::vector<float> initial_;
};

TEST_F(SessionProblemTest, FullGradientIsTheDerivativeOfTheMeanLoss) {
  const LocalWork work;
  SessionProblem problem(*session_, dataset_, work, 5);
  problem.Begin({.client = 0, .round = 1, .indices = indices_, .lr = 0.1});
  std::vector<float> gradient(initial_.size());
  const double mean_loss = problem.FullGradient(gradient);
  BatchReader reader(dataset_);
  const auto loss = [&] {
    std::vector<float> losses(23);
    std::vector<std::int64_t> predicted(23);
    session_->Predict(reader.Read(indices_),
                      {.losses = losses, .predicted = predicted});
    return std::accumulate(losses.begin(), losses.end(), 0.0) / 23.0;
  };
  EXPECT_NEAR(mean_loss, loss(), 1e-5);
  constexpr float kStep = 1e-2F;
  for (std::size_t i = 0; i < initial_.size(); ++i) {
    session_->parameters()[i] = initial_[i] + kStep;
    const double above = loss();
    session_->parameters()[i] = initial_[i] - kStep;
    const double below = loss();
    session_->parameters()[i] = initial_[i];
    EXPECT_NEAR(gradient[i], (above - below) / (2.0 * kStep), 2e-4);
  }
}

TEST_F(SessionProblemTest, OneFullBatchStepIsOneGradientStep) {
  LocalWork work{.batch_size = 0, .lr = 0.3};
  std::vector<float> weights;
  const LocalResult result = Train(work, 0, &weights);
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(result.a_norm, 1.0);
  std::copy(initial_.begin(), initial_.end(), session_->parameters().begin());
  SessionProblem problem(*session_, dataset_, work, 5);
  problem.Begin({.client = 0, .round = 1, .indices = indices_, .lr = 0.3});
  std::vector<float> gradient(initial_.size());
  problem.FullGradient(gradient);
  for (std::size_t i = 0; i < initial_.size(); ++i) {
    EXPECT_NEAR(weights[i], initial_[i] - 0.3F * gradient[i], 1e-6);
  }
}

TEST_F(SessionProblemTest, SeesEverySampleOnceAnEpoch) {
  LocalWork work{.epochs = 3, .batch_size = 5, .lr = 0.01};
  std::vector<float> weights;
  const LocalResult keep = Train(work, 0, &weights);
  EXPECT_EQ(keep.steps, 15);
  EXPECT_EQ(keep.examples, 69);
  work.keep_last_batch = false;
  const LocalResult drop = Train(work, 0, &weights);
  EXPECT_EQ(drop.steps, 12);
  EXPECT_EQ(drop.examples, 60);
}

TEST_F(SessionProblemTest, DependsOnSeedRoundAndClientOnly) {
  const LocalWork work{
      .epochs = 2, .batch_size = 4, .lr = 0.1, .momentum = 0.9};
  std::vector<float> first;
  std::vector<float> other;
  std::vector<float> again;
  Train(work, 1, &first);
  Train(work, 2, &other);
  Train(work, 1, &again);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

// With one order of samples, masks are all that tells two turns apart.
TEST_F(SessionProblemTest, SharesMasksOfDropoutAsItIsTold) {
  using Masks = LocalWork::Masks;
  const model::Network network = model::Network::Build(
      {model::Dropout(0.5), model::Dense(3)}, {.shape = {4}, .num_classes = 3});
  const auto session =
      engine::MakeAutogradSession(network, model::BufferPolicy::kAggregate);
  const std::vector<float> start(session->parameters().begin(),
                                 session->parameters().end());
  const auto train = [&](Masks masks, std::int64_t round, std::int64_t client) {
    const LocalWork work{
        .batch_size = 4, .order = LocalWork::Order::kAsStored, .masks = masks};
    SessionProblem problem(*session, dataset_, work, 5);
    std::copy(start.begin(), start.end(), session->parameters().begin());
    problem.Begin({.client = client,
                   .round = round,
                   .indices = indices_,
                   .epochs = 1,
                   .lr = 0.1});
    problem.Train({});
    return std::vector<float>(session->parameters().begin(),
                              session->parameters().end());
  };
  EXPECT_NE(train(Masks::kPerClient, 1, 1), train(Masks::kPerClient, 1, 2));
  EXPECT_NE(train(Masks::kPerClient, 1, 1), train(Masks::kPerClient, 2, 1));
  EXPECT_EQ(train(Masks::kPerRound, 1, 1), train(Masks::kPerRound, 1, 2));
  EXPECT_NE(train(Masks::kPerRound, 1, 1), train(Masks::kPerRound, 2, 1));
  EXPECT_EQ(train(Masks::kFixed, 1, 1), train(Masks::kFixed, 2, 2));
}

TEST_F(SessionProblemTest, AsStoredOrderIsTheSameForEveryClient) {
  const LocalWork work{
      .batch_size = 4, .order = LocalWork::Order::kAsStored, .lr = 0.1};
  std::vector<float> first;
  std::vector<float> other;
  Train(work, 1, &first);
  Train(work, 2, &other);
  EXPECT_EQ(first, other);
}

TEST_F(SessionProblemTest, ReportsTheSolverNormInClosedForm) {
  const double rho = 0.9;
  const LocalWork work{
      .epochs = 2, .batch_size = 5, .lr = 0.1, .momentum = rho};
  std::vector<float> weights;
  const LocalResult result = Train(work, 0, &weights);
  const double tau = static_cast<double>(result.steps);
  EXPECT_NEAR(result.a_norm,
              (tau - rho * (1 - std::pow(rho, tau)) / (1 - rho)) / (1 - rho),
              1e-9);
}

}  // namespace
}  // namespace fedtorch::client
