#include "fedtorch/core/stream.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/model/model.h"
#include "tests/engine/samples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::BufferPolicy;
using model::Convolution;
using model::Dense;
using model::InputSpec;
using model::Layer;
using model::LayerType;
using model::MaxPool;
using model::Network;
using model::Simple;

double MeanLoss(Session& session, const Batch& batch) {
  std::vector<float> losses(batch.targets.size());
  std::vector<std::int64_t> predicted(batch.targets.size());
  session.Predict(batch, {.losses = losses, .predicted = predicted});
  return std::accumulate(losses.begin(), losses.end(), 0.0) /
         static_cast<double>(losses.size());
}

struct Case {
  std::string name;
  std::vector<Layer> layers;
  InputSpec input;
};

std::vector<Case> Cases() {
  const InputSpec image{.shape = {2, 6, 6}, .num_classes = 3};
  const InputSpec columns{.shape = {5}, .num_classes = 3};
  const InputSpec text{
      .shape = {7}, .tokens = true, .num_classes = 4, .target_length = 7};
  InputSpec last = text;
  last.target_length = 1;
  const auto flat = [](std::vector<Layer> layers) {
    layers.push_back(Simple(LayerType::kFlatten));
    layers.push_back(Dense(3));
    return layers;
  };
  Layer strided = Convolution(4, 3, 1, 2);
  strided.bias = false;
  Layer average = MaxPool(2);
  average.type = LayerType::kAveragePool;
  average.ceiling = true;
  const Layer groups = model::GroupNorm(2);
  Layer two_sided = model::SelfAttention(2);
  two_sided.causal = false;
  return {
      {"dense", {Dense(3)}, columns},
      {"tanh", {Dense(4), Simple(LayerType::kTanh), Dense(3)}, columns},
      {"sigmoid", {Dense(4), Simple(LayerType::kSigmoid), Dense(3)}, columns},
      {"convolution", flat({Convolution(4, 3, 1)}), image},
      {"strided", flat({strided, Simple(LayerType::kTanh)}), image},
      {"average_pool", flat({average}), image},
      {"group_norm", flat({Convolution(4, 3), groups}), image},
      {"batch_norm",
       flat({Convolution(4, 3), Simple(LayerType::kBatchNorm)}),
       image},
      {"embedding", {model::Embedding(3), Dense(4)}, text},
      {"lstm", {model::Embedding(3), model::Lstm(5), Dense(4)}, text},
      {"last_position",
       {model::Embedding(3),
        model::Lstm(5),
        Simple(LayerType::kLastPosition),
        Dense(4)},
       last},
      {"gelu", {Dense(4), Simple(LayerType::kGelu), Dense(3)}, columns},
      {"global_average_pool",
       {Convolution(4, 3), Simple(LayerType::kGlobalAveragePool), Dense(3)},
       image},
      {"layer_norm",
       {Dense(4), Simple(LayerType::kLayerNorm), Dense(3)},
       columns},
      {"layer_norm of a sequence",
       {model::Embedding(4), Simple(LayerType::kLayerNorm), Dense(4)},
       text},
      {"position_embedding",
       {model::Embedding(3), Simple(LayerType::kPositionEmbedding), Dense(4)},
       text},
      {"position_encoding",
       {model::Embedding(3), Simple(LayerType::kPositionEncoding), Dense(4)},
       text},
      {"self_attention",
       {model::Embedding(4), model::SelfAttention(2), Dense(4)},
       text},
      {"two-sided self_attention",
       {model::Embedding(4), two_sided, Dense(4)},
       text},
      {"tied_dense",
       {model::Embedding(3), Dense(3), Simple(LayerType::kTiedDense)},
       text},
      {"residual",
       {Dense(4),
        model::Residual({Simple(LayerType::kTanh), Dense(4)}),
        Dense(3)},
       columns},
      {"residual with a shortcut",
       flat({model::Residual({Convolution(4, 3, 1, 2), groups},
                             {Convolution(4, 1, 0, 2), groups})}),
       image},
      {"residual with batch_norm",
       flat({model::Residual(
           {Convolution(4, 3), Simple(LayerType::kBatchNorm)},
           {Simple(LayerType::kBatchNorm), Convolution(4, 3)})}),
       image},
  };
}

TEST(AutogradSession, GradientsAreDifferenceQuotientsForEveryLayer) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    // With statistics of the batch, Predict is the function differentiated.
    const auto session =
        MakeAutogradSession(network, BufferPolicy::kBatchStats);
    const Samples samples(test.input, 6, 3);
    const Batch batch = samples.View();
    const std::span<float> weights = session->parameters();
    std::vector<float> gradient(weights.size(), 0.0F);
    const double loss = session->AddGradient(batch, 1.0F, gradient);
    EXPECT_NEAR(loss, MeanLoss(*session, batch), 1e-5);
    const std::size_t stride = std::max<std::size_t>(1, weights.size() / 40);
    constexpr float kStep = 1e-2F;
    for (std::size_t i = 0; i < weights.size(); i += stride) {
      const float before = weights[i];
      weights[i] = before + kStep;
      const double above = MeanLoss(*session, batch);
      weights[i] = before - kStep;
      const double below = MeanLoss(*session, batch);
      weights[i] = before;
      EXPECT_NEAR(gradient[i], (above - below) / (2.0 * kStep), 1e-3) << i;
    }
  }
}

TEST(AutogradSession, ScalesAndAddsGradients) {
  const InputSpec input{.shape = {5}, .num_classes = 3};
  const Network network = Network::Build({Dense(3)}, input);
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const Samples samples(input, 4, 1);
  std::vector<float> once(session->parameters().size(), 0.0F);
  std::vector<float> twice(session->parameters().size(), 0.0F);
  session->AddGradient(samples.View(), 1.0F, once);
  session->AddGradient(samples.View(), 0.5F, twice);
  session->AddGradient(samples.View(), 1.5F, twice);
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_NEAR(twice[i], 2.0F * once[i], 1e-6);
  }
}

// The textbook cell (Hochreiter 1997 with forget gates), gates in the order
// input, forget, cell, output, written out in scalars.
TEST(AutogradSession, LstmIsTheTextbookCell) {
  const InputSpec input{
      .shape = {4}, .tokens = true, .num_classes = 3, .target_length = 4};
  const Network network =
      Network::Build({model::Embedding(2), model::Lstm(3), Dense(3)}, input);
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const Samples samples(input, 1, 9);
  std::vector<float> losses(4);
  std::vector<std::int64_t> predicted(4);
  session->Predict(samples.View(), {.losses = losses, .predicted = predicted});

  const auto& entries = network.layout().parameters;
  const auto value = [&](std::size_t tensor,
                         std::int64_t row,
                         std::int64_t column) {
    const auto& entry = entries[tensor];
    const std::int64_t width = entry.shape.back();
    return static_cast<double>(session->parameters()[static_cast<std::size_t>(
        entry.offset + row * width + column)]);
  };
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  std::vector<double> hidden(3, 0.0);
  std::vector<double> cell(3, 0.0);
  for (std::size_t t = 0; t < 4; ++t) {
    std::vector<double> gates(12);
    for (std::int64_t g = 0; g < 12; ++g) {
      double sum = value(3, 0, g);
      for (std::int64_t j = 0; j < 2; ++j) {
        sum += value(1, j, g) * value(0, samples.tokens[t], j);
      }
      for (std::int64_t j = 0; j < 3; ++j) {
        sum += value(2, j, g) * hidden[static_cast<std::size_t>(j)];
      }
      gates[static_cast<std::size_t>(g)] = sum;
    }
    for (std::size_t j = 0; j < 3; ++j) {
      cell[j] = sigmoid(gates[3 + j]) * cell[j] +
                sigmoid(gates[j]) * std::tanh(gates[6 + j]);
      hidden[j] = sigmoid(gates[9 + j]) * std::tanh(cell[j]);
    }
    std::vector<double> logits(3);
    double total = 0.0;
    for (std::int64_t c = 0; c < 3; ++c) {
      double sum = value(5, 0, c);
      for (std::int64_t j = 0; j < 3; ++j) {
        sum += value(4, j, c) * hidden[static_cast<std::size_t>(j)];
      }
      logits[static_cast<std::size_t>(c)] = sum;
      total += std::exp(sum);
    }
    const auto target = static_cast<std::size_t>(samples.targets[t]);
    EXPECT_NEAR(losses[t], std::log(total) - logits[target], 1e-5);
  }
}

TEST(AutogradSession, DropoutComesFromItsStreamAndOnlyInTraining) {
  const InputSpec input{.shape = {50}, .num_classes = 3};
  const Network network = Network::Build(
      {Dense(40), Simple(LayerType::kRelu), model::Dropout(0.5), Dense(3)},
      input);
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const Samples samples(input, 8, 1);
  const std::vector<float> start(session->parameters().begin(),
                                 session->parameters().end());
  const auto train = [&](std::uint64_t seed) {
    std::copy(start.begin(), start.end(), session->parameters().begin());
    core::Stream stream = core::Stream::Named(seed, "dropout");
    session->Step(samples.View(), {.lr = 0.1}, stream);
    return std::vector<float>(session->parameters().begin(),
                              session->parameters().end());
  };
  EXPECT_EQ(train(1), train(1));
  EXPECT_NE(train(1), train(2));
  EXPECT_EQ(MeanLoss(*session, samples.View()),
            MeanLoss(*session, samples.View()));
}

// Inverted dropout keeps the expectation: over many masks the mean loss of a
// linear output equals that without dropout.
TEST(AutogradSession, DropoutKeepsTheExpectation) {
  const InputSpec input{.shape = {6}, .num_classes = 2};
  const Network network =
      Network::Build({model::Dropout(0.25), Dense(2)}, input);
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  // The gradient of the weights is proportional to the masked input.
  Samples samples(input, 1, 1);
  std::fill(samples.features.begin(), samples.features.end(), 1.0F);
  std::fill(session->parameters().begin(), session->parameters().end(), 0.0F);
  core::Stream stream = core::Stream::Named(1, "dropout");
  double sum = 0.0;
  int zeros = 0;
  for (int i = 0; i < 2000; ++i) {
    std::fill(session->parameters().begin(), session->parameters().end(), 0.0F);
    session->Step(samples.View(), {.lr = 1.0}, stream);
    for (std::size_t j = 0; j < 6; ++j) {
      const double moved = std::fabs(session->parameters()[j]);
      sum += moved;
      if (moved == 0.0) ++zeros;
    }
  }
  // At zero weights both classes have probability 1/2, so |dW| = x / 2.
  EXPECT_NEAR(sum / 12000.0, 0.5, 0.01);
  EXPECT_NEAR(zeros / 12000.0, 0.25, 0.015);
}

// At zero weights |dW| = x / 2, so that a step shows the mask of its sample.
TEST(AutogradSession, DropoutOfWholeMapsZerosAllPositionsOfAChannel) {
  constexpr std::size_t kChannels = 3;
  constexpr std::size_t kPositions = 4;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{3, 2, 2}, {4, 3}}) {
    const InputSpec input{.shape = shape, .num_classes = 2};
    const Network network =
        Network::Build({model::Dropout(0.25, /*whole_maps=*/true),
                        Simple(LayerType::kFlatten),
                        Dense(2)},
                       input);
    const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
    Samples samples(input, 1, 1);
    std::fill(samples.features.begin(), samples.features.end(), 1.0F);
    core::Stream stream = core::Stream::Named(1, "dropout");
    int zeros = 0;
    int pairs = 0;
    for (int i = 0; i < 4000; ++i) {
      std::fill(
          session->parameters().begin(), session->parameters().end(), 0.0F);
      session->Step(samples.View(), {.lr = 1.0}, stream);
      // [position, channel, class]
      const auto moved = [&](std::size_t position, std::size_t channel) {
        return std::fabs(
            session->parameters()[(position * kChannels + channel) * 2]);
      };
      int dropped = 0;
      for (std::size_t c = 0; c < kChannels; ++c) {
        for (std::size_t p = 0; p < kPositions; ++p) {
          ASSERT_EQ(moved(p, c), moved(0, c)) << "one value a channel";
        }
        EXPECT_TRUE(moved(0, c) == 0.0F ||
                    std::fabs(moved(0, c) - 0.5F / 0.75F) < 1e-6F);
        if (moved(0, c) == 0.0F) ++dropped;
      }
      zeros += dropped;
      pairs += dropped * (dropped - 1) / 2;
    }
    EXPECT_NEAR(zeros / 12000.0, 0.25, 0.015);
    EXPECT_NEAR(pairs / 12000.0, 0.0625, 0.01) << "channels are independent";
  }
}

TEST(AutogradSession, BatchNormTracksStatisticsAsDefined) {
  const InputSpec input{.shape = {1}, .num_classes = 2};
  const Network network =
      Network::Build({Simple(LayerType::kBatchNorm), Dense(2)}, input);
  const std::vector<float> features{1.0F, 2.0F, 3.0F, 6.0F};
  const std::vector<std::int64_t> targets{0, 1, 0, 1};
  const Batch batch{.size = 4, .features = features, .targets = targets};
  core::Stream stream = core::Stream::Named(1, "dropout");
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  session->Step(batch, {.lr = 0.1}, stream);
  // Mean 3, unbiased variance 14 / 3; both enter with momentum 0.1.
  EXPECT_NEAR(session->buffers()[0], 0.3, 1e-6);
  EXPECT_NEAR(session->buffers()[1], 0.9 + 0.1 * 14.0 / 3.0, 1e-6);
  EXPECT_EQ(session->counters()[0], 1);
  std::vector<float> gradient(session->parameters().size(), 0.0F);
  session->AddGradient(batch, 1.0F, gradient);
  MeanLoss(*session, batch);
  EXPECT_EQ(session->counters()[0], 1) << "only training steps count";
  EXPECT_NEAR(session->buffers()[0], 0.3, 1e-6);

  const auto none = MakeAutogradSession(network, BufferPolicy::kBatchStats);
  none->Step(batch, {.lr = 0.1}, stream);
  EXPECT_EQ(none->buffers()[0], 0.0F);
}

TEST(AutogradSession, TrainsOnABatchOfOneWithBatchNorm) {
  const InputSpec input{.shape = {3}, .num_classes = 2};
  const Network network =
      Network::Build({Simple(LayerType::kBatchNorm), Dense(2)}, input);
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const Samples samples(input, 1, 1);
  core::Stream stream = core::Stream::Named(1, "dropout");
  EXPECT_TRUE(
      std::isfinite(session->Step(samples.View(), {.lr = 0.1}, stream)));
}

TEST(AutogradSession, MomentumIsHeavyBall) {
  const InputSpec input{.shape = {5}, .num_classes = 3};
  const Network network = Network::Build({Dense(3)}, input);
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const Samples samples(input, 4, 1);
  const std::span<float> weights = session->parameters();
  std::vector<double> reference(weights.begin(), weights.end());
  std::vector<double> velocity(weights.size(), 0.0);
  core::Stream stream = core::Stream::Named(1, "dropout");
  session->ResetMomentum();
  for (int step = 0; step < 5; ++step) {
    std::vector<float> gradient(weights.size(), 0.0F);
    session->AddGradient(samples.View(), 1.0F, gradient);
    session->Step(samples.View(), {.lr = 0.2, .momentum = 0.8}, stream);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      velocity[i] = 0.8 * velocity[i] + gradient[i];
      reference[i] -= 0.2 * velocity[i];
      EXPECT_NEAR(weights[i], reference[i], 2e-6);
    }
  }
}

}  // namespace
}  // namespace fedtorch::engine
