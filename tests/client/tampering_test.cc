// What an adversary may do to its training through the hook.
#include "fedtorch/client/tampering.h"

#include "fedtorch/client/session_problem.h"
#include "fedtorch/client/stacked_problem.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace fedtorch::client {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kSamples = 23;

// Samples of 4 features in 3 classes, or of 4 tokens with 4 targets each.
data::Dataset SmallData(bool tokens) {
  data::Dataset dataset;
  dataset.shape = {4};
  dataset.num_classes = tokens ? 5 : 3;
  core::Stream stream = core::Stream::Named(1, "data");
  if (tokens) {
    dataset.type = data::FeatureType::kInt64;
    dataset.target_length = 4;
    for (std::int64_t i = 0; i < kSamples * 4; ++i) {
      dataset.tokens.push_back(static_cast<std::int64_t>(stream.Below(5)));
      dataset.targets.push_back(static_cast<std::int64_t>(stream.Below(5)));
    }
    return dataset;
  }
  for (std::int64_t i = 0; i < kSamples; ++i) {
    for (int j = 0; j < 4; ++j) {
      dataset.floats.push_back(static_cast<float>(stream.Normal()));
    }
    dataset.targets.push_back(i % 3);
  }
  return dataset;
}

// Does to batches what a data set that was poisoned from the start holds:
// features doubled, classes counted from the other end.
class Poison final : public Tampering {
 public:
  explicit Poison(std::int64_t classes) : classes_(classes) {}
  void BeforeStep(const TamperedBatch& batch) override {
    for (float& value : batch.features) value *= 2.0F;
    for (std::int64_t& token : batch.tokens) token = classes_ - 1 - token;
    for (std::int64_t& target : batch.targets) target = classes_ - 1 - target;
  }

 private:
  std::int64_t classes_;
};

data::Dataset Poisoned(data::Dataset dataset) {
  for (float& value : dataset.floats) value *= 2.0F;
  for (std::int64_t& token : dataset.tokens) {
    token = dataset.num_classes - 1 - token;
  }
  for (std::int64_t& target : dataset.targets) {
    target = dataset.num_classes - 1 - target;
  }
  return dataset;
}

// Notes what it is shown, and changes nothing.
class Watch final : public Tampering {
 public:
  void BeforeStep(const TamperedBatch& batch) override {
    EXPECT_EQ(batch.size, static_cast<std::int64_t>(batch.indices.size()));
    EXPECT_EQ(batch.features.size(), batch.indices.size() * 4);
    EXPECT_EQ(batch.targets.size(), batch.indices.size());
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {
      EXPECT_EQ(batch.targets[i], batch.indices[i] % 3);
    }
    seen.insert(seen.end(), batch.indices.begin(), batch.indices.end());
    ++before;
  }
  void AfterStep(std::span<float> weights) override {
    EXPECT_EQ(++after, before);
    last.assign(weights.begin(), weights.end());
  }
  std::vector<std::int64_t> seen;
  std::vector<float> last;
  int before = 0;
  int after = 0;
};

// Undoes every step.
class Freeze final : public Tampering {
 public:
  explicit Freeze(std::vector<float> weights) : weights_(std::move(weights)) {}
  void AfterStep(std::span<float> weights) override {
    std::copy(weights_.begin(), weights_.end(), weights.begin());
  }

 private:
  std::vector<float> weights_;
};

class TamperingTest : public ::testing::TestWithParam<bool> {
 protected:
  TamperingTest()
      : dataset_(SmallData(GetParam())),
        network_(
            GetParam()
                ? model::Network::Build(
                      {model::Embedding(4), model::Lstm(6), model::Dense(5)},
                      {.shape = {4},
                       .tokens = true,
                       .num_classes = 5,
                       .target_length = 4})
                : model::Network::Build({model::Dense(5),
                                         model::Simple(model::LayerType::kTanh),
                                         model::Dropout(0.2),
                                         model::Dense(3)},
                                        {.shape = {4}, .num_classes = 3})),
        session_(engine::MakePlanSession<float>(
            network_, model::BufferPolicy::kAggregate)),
        indices_(kSamples),
        initial_(session_->parameters().begin(), session_->parameters().end()) {
    std::iota(indices_.begin(), indices_.end(), 0);
    work_.epochs = 2;
    work_.batch_size = 5;
    work_.lr = 0.1;
    work_.momentum = 0.5;
  }

  Task TaskWith(Tampering* tampering) const {
    return {.client = 4,
            .round = 2,
            .indices = indices_,
            .epochs = 2,
            .lr = 0.1,
            .tampering = tampering};
  }

  std::vector<float> Train(const data::Dataset& dataset,
                           Tampering* tampering,
                           LocalResult* result = nullptr) {
    SessionProblem problem(*session_, dataset, work_, 5);
    std::copy(initial_.begin(), initial_.end(), session_->parameters().begin());
    problem.Begin(TaskWith(tampering));
    const LocalResult found = problem.Train({});
    if (result != nullptr) *result = found;
    return {session_->parameters().begin(), session_->parameters().end()};
  }

  std::vector<float> Gradient(const data::Dataset& dataset,
                              Tampering* tampering) {
    SessionProblem problem(*session_, dataset, work_, 5);
    std::copy(initial_.begin(), initial_.end(), session_->parameters().begin());
    problem.Begin(TaskWith(tampering));
    std::vector<float> gradient(initial_.size());
    problem.FullGradient(gradient);
    return gradient;
  }

  data::Dataset dataset_;
  model::Network network_;
  std::unique_ptr<engine::Session> session_;
  std::vector<std::int64_t> indices_;
  std::vector<float> initial_;
  LocalWork work_;
};

TEST_P(TamperingTest, ChangedBatchesTrainLikeAPoisonedDataSet) {
  Poison poison(dataset_.num_classes);
  const data::Dataset poisoned = Poisoned(dataset_);
  LocalResult tampered;
  LocalResult stored;
  EXPECT_EQ(Train(dataset_, &poison, &tampered),
            Train(poisoned, nullptr, &stored));
  EXPECT_EQ(tampered.loss, stored.loss);
  EXPECT_NE(Train(dataset_, nullptr), Train(poisoned, nullptr));
}

TEST_P(TamperingTest, ChangedBatchesGiveTheGradientOfAPoisonedDataSet) {
  Poison poison(dataset_.num_classes);
  const data::Dataset poisoned = Poisoned(dataset_);
  EXPECT_EQ(Gradient(dataset_, &poison), Gradient(poisoned, nullptr));
  EXPECT_NE(Gradient(dataset_, nullptr), Gradient(poisoned, nullptr));
}

TEST_P(TamperingTest, TheDataSetStaysClean) {
  Poison poison(dataset_.num_classes);
  const data::Dataset before = dataset_;
  Train(dataset_, &poison);
  EXPECT_EQ(dataset_.floats, before.floats);
  EXPECT_EQ(dataset_.tokens, before.tokens);
  EXPECT_EQ(dataset_.targets, before.targets);
}

TEST_P(TamperingTest, ChangedWeightsAreThoseOfTheNextStep) {
  Freeze freeze(initial_);
  EXPECT_EQ(Train(dataset_, &freeze), initial_);
  EXPECT_NE(Train(dataset_, nullptr), initial_);
}

INSTANTIATE_TEST_SUITE_P(FeaturesAndTokens,
                         TamperingTest,
                         ::testing::Bool(),
                         [](const auto& test) {
                           return test.param ? "tokens" : "features";
                         });

class FeatureTamperingTest : public TamperingTest {};

TEST_P(FeatureTamperingTest, WatchingSeesEveryStepAndChangesNoBit) {
  Watch watch;
  LocalResult result;
  const std::vector<float> watched = Train(dataset_, &watch, &result);
  EXPECT_EQ(watched, Train(dataset_, nullptr));
  EXPECT_EQ(watch.last, watched);
  EXPECT_EQ(watch.before, result.steps);
  EXPECT_EQ(watch.after, result.steps);
  std::vector<std::int64_t> twice;
  for (const std::int64_t index : indices_) {
    twice.push_back(index);
    twice.push_back(index);
  }
  EXPECT_THAT(watch.seen, ::testing::UnorderedElementsAreArray(twice));
}

INSTANTIATE_TEST_SUITE_P(Features,
                         FeatureTamperingTest,
                         ::testing::Values(false));

TEST(StackedTampering, IsRefused) {
  class NoStack final : public engine::Stack {
   public:
    engine::StackedWork Train(
        std::span<engine::StackedClient<float>>) override {
      return {};
    }
    engine::StackedWork Gradients(
        std::span<engine::StackedGradient<float>>) override {
      return {};
    }
  } stack;
  Wave wave(stack, 1);
  const data::Dataset dataset = SmallData(false);
  const LocalWork work;
  StackedProblem problem(wave, 0, 3, dataset, work, 1);
  EXPECT_NO_THROW(problem.Begin({.client = 1, .round = 1}));
  Tampering tampering;
  try {
    problem.Begin({.client = 1, .round = 1, .tampering = &tampering});
    FAIL() << "a stack served an adversary";
  } catch (const core::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("runtime.executor=client_major"));
  }
}

}  // namespace
}  // namespace fedtorch::client
