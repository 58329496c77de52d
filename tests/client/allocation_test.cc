// Nothing is allocated in the training loop: a counting allocator sees as many
// calls for five steps as for fifty.
#include "fedtorch/client/session_problem.h"
#include "fedtorch/model/model.h"
#include "tests/client/counting_allocator.h"

#include <gtest/gtest.h>

#include <numeric>

namespace fedtorch::client {
namespace {

struct Case {
  std::string name;
  std::vector<model::Layer> layers;
  model::InputSpec input;
};

std::vector<Case> Cases() {
  using model::Simple;
  const auto relu = Simple(model::LayerType::kRelu);
  return {
      {"columns",
       {model::Dense(20), relu, model::Dropout(0.5), model::Dense(3)},
       {.shape = {6}, .num_classes = 3}},
      {"images",
       {model::Convolution(8, 3, 1),
        relu,
        model::MaxPool(2),
        model::Dropout(0.25),
        model::Convolution(4, 3),
        Simple(model::LayerType::kTanh),
        Simple(model::LayerType::kFlatten),
        model::Dense(3)},
       {.shape = {2, 8, 8}, .num_classes = 3}},
      {"text",
       {model::Embedding(4), model::Lstm(8), model::Dense(5)},
       {.shape = {6}, .tokens = true, .num_classes = 5, .target_length = 6}},
  };
}

// Random samples; images as bytes, which are normalised on the way.
data::Dataset Data(const model::InputSpec& input, std::int64_t count) {
  data::Dataset dataset;
  dataset.shape = input.shape;
  dataset.num_classes = input.num_classes;
  dataset.target_length = input.target_length;
  core::Stream stream = core::Stream::Named(1, "data");
  const std::int64_t values = dataset.feature_count() * count;
  if (input.tokens) {
    dataset.type = data::FeatureType::kInt64;
    for (std::int64_t i = 0; i < values; ++i) {
      dataset.tokens.push_back(static_cast<std::int64_t>(
          stream.Below(static_cast<std::uint64_t>(input.num_classes))));
    }
  } else if (input.shape.size() == 3) {
    dataset.type = data::FeatureType::kUint8;
    for (std::int64_t i = 0; i < values; ++i) {
      dataset.bytes.push_back(static_cast<std::uint8_t>(stream.Below(256)));
    }
    dataset.scale = 1.0F / 255.0F;
    dataset.mean.assign(static_cast<std::size_t>(input.shape[0]), 0.5F);
    dataset.std.assign(static_cast<std::size_t>(input.shape[0]), 0.25F);
  } else {
    dataset.type = data::FeatureType::kFloat32;
    for (std::int64_t i = 0; i < values; ++i) {
      dataset.floats.push_back(static_cast<float>(stream.Normal()));
    }
  }
  for (std::int64_t i = 0; i < count * input.target_length; ++i) {
    dataset.targets.push_back(static_cast<std::int64_t>(
        stream.Below(static_cast<std::uint64_t>(input.num_classes))));
  }
  return dataset;
}

TEST(Allocation, NoneForAStepOfTheTrainingLoop) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const model::Network network =
        model::Network::Build(test.layers, test.input);
    const data::Dataset dataset = Data(test.input, 23);
    std::vector<std::int64_t> indices(23);
    std::iota(indices.begin(), indices.end(), 0);
    const auto session = engine::MakePlanSession<float>(
        network, model::BufferPolicy::kAggregate);
    const auto count = [&](std::int64_t steps, double momentum) {
      LocalWork work;
      work.steps = steps;
      work.batch_size = 10;
      work.momentum = momentum;
      work.weight_decay = 0.01;
      work.max_gradient_norm = momentum > 0.0 ? 1.0 : 0.0;
      work.max_example_norm = momentum > 0.0 ? 1.0 : 0.0;
      SessionProblem problem(*session, dataset, work, 1);
      problem.Begin({.client = 1, .round = 1, .indices = indices, .lr = 0.01});
      const std::int64_t before = Allocations();
      problem.Train({});
      return Allocations() - before;
    };
    for (const double momentum : {0.0, 0.9}) {
      count(5, momentum);  // makes room for the largest batch
      const std::int64_t few = count(5, momentum);
      EXPECT_EQ(count(50, momentum), few);
      EXPECT_LT(few, 10) << "what a client's turn costs";
    }
  }
}

TEST(Allocation, TheCounterCounts) {
  const std::int64_t before = Allocations();
  // Printed, so that the compiler cannot do without it.
  const std::string text(1000, 'x');
  SCOPED_TRACE(text.size());
  EXPECT_EQ(text.back(), 'x');
  EXPECT_GE(Allocations() - before, 1);
}

}  // namespace
}  // namespace fedtorch::client
