// The plan against the autograd path: the same numbers from another derivation.
#include "fedtorch/engine/session.h"
#include "fedtorch/kernel/target.h"
#include "fedtorch/model/model.h"
#include "tests/engine/samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::BufferPolicy;
using model::Convolution;
using model::Dense;
using model::Dropout;
using model::InputSpec;
using model::Layer;
using model::LayerType;
using model::MaxPool;
using model::Network;
using model::Simple;

struct Case {
  std::string name;
  std::vector<Layer> layers;
  InputSpec input;
};

Layer Pool(LayerType type,
           std::int64_t kernel,
           std::int64_t stride,
           std::int64_t padding,
           bool ceiling) {
  Layer layer = MaxPool(kernel);
  layer.type = type;
  layer.stride = stride;
  layer.padding = padding;
  layer.ceiling = ceiling;
  return layer;
}

Layer WithoutBias(Layer layer) {
  layer.bias = false;
  return layer;
}

std::vector<Layer> Ended(std::vector<Layer> layers, std::int64_t classes) {
  layers.push_back(Simple(LayerType::kFlatten));
  layers.push_back(Dense(classes));
  return layers;
}

// Every layer alone, and every pair that the plan fuses or that hands a field
// with a border on.
std::vector<Case> Cases() {
  const InputSpec image{.shape = {2, 7, 9}, .num_classes = 3};
  const InputSpec grey{.shape = {1, 6, 6}, .num_classes = 3};
  const InputSpec columns{.shape = {5}, .num_classes = 3};
  const InputSpec wide{.shape = {70}, .num_classes = 37};
  const InputSpec series{.shape = {6, 5}, .num_classes = 4, .target_length = 6};
  const InputSpec text{
      .shape = {7}, .tokens = true, .num_classes = 4, .target_length = 7};
  InputSpec last = text;
  last.target_length = 1;
  const Layer relu = Simple(LayerType::kRelu);
  const Layer tanh = Simple(LayerType::kTanh);
  const Layer sigmoid = Simple(LayerType::kSigmoid);
  const Layer flatten = Simple(LayerType::kFlatten);
  return {
      {"dense", {Dense(3)}, columns},
      {"dense_without_bias", {WithoutBias(Dense(3))}, columns},
      {"wide_dense", {Dense(600), relu, Dense(37)}, wide},
      {"dense_relu", {Dense(20), relu, Dense(3)}, columns},
      {"dense_relu_dropout",
       {Dense(20), relu, Dropout(0.3), Dense(3)},
       columns},
      {"dropout_first", {Dropout(0.3), Dense(3)}, columns},
      {"dropout_of_nothing", {Dropout(0.0), Dense(3)}, columns},
      {"dense_dropout", {Dense(20), Dropout(0.3), tanh, Dense(3)}, columns},
      {"tanh", {Dense(17), tanh, Dense(3)}, columns},
      {"sigmoid", {Dense(17), sigmoid, Dense(3)}, columns},
      {"relu_first", {relu, Dense(3)}, columns},
      {"relu_twice", {Dense(8), relu, relu, Dense(3)}, columns},
      {"relu_last", {Dense(8), relu, Dense(3), relu}, columns},
      {"tanh_last", {Dense(3), tanh}, columns},
      {"flat_image", Ended({}, 3), image},
      {"convolution", Ended({Convolution(4, 3)}, 3), image},
      {"convolution_padded", Ended({Convolution(4, 3, 1)}, 3), image},
      {"convolution_1x1", Ended({Convolution(4, 1)}, 3), image},
      {"convolution_full", Ended({Convolution(4, 3, 2)}, 3), image},
      {"convolution_without_bias",
       Ended({WithoutBias(Convolution(4, 3)), relu}, 3),
       image},
      {"convolutions",
       Ended({Convolution(5, 3, 1), relu, Convolution(18, 2), relu}, 3),
       image},
      {"convolutions_plain",
       Ended({Convolution(5, 3), Convolution(33, 3, 1)}, 3),
       image},
      {"convolution_tanh_convolution",
       Ended({Convolution(5, 3), tanh, Convolution(4, 3, 1), sigmoid}, 3),
       image},
      {"convolution_dropout_convolution",
       Ended({Convolution(5, 3), relu, Dropout(0.25), Convolution(4, 3, 1)}, 3),
       image},
      {"convolution_whole_maps_convolution",
       Ended({Convolution(5, 3),
              relu,
              Dropout(0.25, /*whole_maps=*/true),
              Convolution(4, 3, 1)},
             3),
       image},
      {"whole_maps_of_the_input",
       Ended({Dropout(0.4, /*whole_maps=*/true), Convolution(4, 3)}, 3),
       image},
      {"whole_maps_of_columns",
       {Dense(20), relu, Dropout(0.3, /*whole_maps=*/true), Dense(3)},
       columns},
      {"convolution_no_dropout_convolution",
       Ended({Convolution(5, 3), relu, Dropout(0.0), Convolution(4, 3, 1)}, 3),
       image},
      {"max_pool",
       Ended({Convolution(4, 3, 1), Pool(LayerType::kMaxPool, 2, 2, 0, false)},
             3),
       image},
      {"max_pool_relu",
       Ended({Convolution(4, 3, 1), relu, MaxPool(2), Convolution(6, 2, 1)}, 3),
       image},
      {"max_pool_ceiling",
       Ended({Convolution(4, 3, 1),
              relu,
              Pool(LayerType::kMaxPool, 2, 2, 0, true)},
             3),
       image},
      {"max_pool_overlapping",
       Ended({Convolution(4, 3, 1),
              relu,
              Pool(LayerType::kMaxPool, 3, 2, 1, false)},
             3),
       image},
      {"max_pool_apart",
       Ended({Convolution(4, 3, 1), Pool(LayerType::kMaxPool, 2, 3, 0, false)},
             3),
       image},
      {"average_pool",
       Ended({Convolution(4, 3, 1),
              relu,
              Pool(LayerType::kAveragePool, 3, 2, 1, true)},
             3),
       image},
      {"pool_dropout_dense",
       {Convolution(4, 3),
        relu,
        MaxPool(2),
        Dropout(0.25),
        flatten,
        Dense(30),
        relu,
        Dropout(0.5),
        Dense(3)},
       image},
      {"lenet",
       {Convolution(6, 3, 1),
        tanh,
        Pool(LayerType::kAveragePool, 2, 2, 0, false),
        Convolution(16, 2),
        tanh,
        flatten,
        Dense(11),
        tanh,
        Dense(3)},
       grey},
      {"series", {Dense(6), relu, Dense(4)}, series},
      {"series_lstm", {model::Lstm(5), Dropout(0.3), Dense(4)}, series},
      {"series_whole_maps",
       {model::Lstm(5), Dropout(0.3, /*whole_maps=*/true), Dense(4)},
       series},
      {"embedding", {model::Embedding(3), Dense(4)}, text},
      {"lstm", {model::Embedding(3), model::Lstm(5), Dense(4)}, text},
      {"two_lstm",
       {model::Embedding(3), model::Lstm(5), model::Lstm(17), Dense(4)},
       text},
      {"last_position",
       {model::Embedding(3),
        model::Lstm(5),
        Simple(LayerType::kLastPosition),
        Dense(4)},
       last},
      {"relu_last_position",
       {model::Embedding(3),
        Dense(5),
        relu,
        Simple(LayerType::kLastPosition),
        Dense(4)},
       last},
  };
}

// The step rules that a client can have.
template <class Real>
struct Rule {
  std::string name;
  StepRule<Real> rule;
};
template <class Real>
std::vector<Rule<Real>> Rules(std::span<const Real> anchor,
                              std::span<const Real> linear) {
  return {
      {"plain", {.lr = 0.1}},
      {"decay", {.lr = 0.1, .weight_decay = 0.02}},
      {"prox", {.lr = 0.1, .prox = 0.3, .anchor = anchor}},
      {"linear", {.lr = 0.1, .linear = linear}},
      {"momentum", {.lr = 0.1, .momentum = 0.8}},
      {"all",
       {.lr = 0.1,
        .momentum = 0.8,
        .weight_decay = 0.02,
        .prox = 0.3,
        .anchor = anchor,
        .linear = linear}},
      {"clipped", {.lr = 0.1, .max_gradient_norm = 0.05}},
      {"clipped_examples", {.lr = 0.1, .max_example_norm = 0.1}},
      {"clipped_twice",
       {.lr = 0.1,
        .momentum = 0.5,
        .weight_decay = 0.02,
        .max_gradient_norm = 0.02,
        .max_example_norm = 0.1}},
  };
}

template <class Real>
std::vector<Real> Noise(std::size_t size, std::uint64_t seed) {
  core::Stream stream = core::Stream::Named(seed, "noise");
  std::vector<Real> values(size);
  for (Real& value : values) value = static_cast<Real>(0.1 * stream.Normal());
  return values;
}

// Largest difference, as a share of the largest value.
template <class Real>
double Distance(std::span<const Real> a, std::span<const Real> b) {
  double difference = 0.0;
  double largest = 1e-3;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference =
        std::max(difference, static_cast<double>(std::fabs(a[i] - b[i])));
    largest = std::max(largest, static_cast<double>(std::fabs(b[i])));
  }
  return difference / largest;
}

// Trains both paths for `steps` steps on batches of changing size with the same
// streams and returns the distance of what they end with.
template <class Real>
double TrainedApart(const Network& network,
                    const StepRule<Real>& rule,
                    const std::vector<std::int64_t>& sizes) {
  const auto plan = MakePlanSession<Real>(network, BufferPolicy::kAggregate);
  const auto oracle =
      MakeAutogradSession<Real>(network, BufferPolicy::kAggregate);
  core::Stream one = core::Stream::Named(3, "dropout");
  core::Stream two = core::Stream::Named(3, "dropout");
  plan->ResetMomentum();
  oracle->ResetMomentum();
  std::uint64_t seed = 1;
  for (const std::int64_t size : sizes) {
    const Samples samples(network.input(), size, seed++);
    const double ours = plan->Step(samples.View(), rule, one);
    const double theirs = oracle->Step(samples.View(), rule, two);
    EXPECT_NEAR(ours, theirs, sizeof(Real) == 8 ? 1e-10 : 2e-5);
  }
  return Distance<Real>(plan->parameters(), oracle->parameters());
}

TEST(PlanSession, EqualsAutogradInDoubleForEveryLayerAndRule) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    ASSERT_EQ(PlanObstacle(network, BufferPolicy::kAggregate), "");
    const auto size = static_cast<std::size_t>(network.num_parameters());
    const auto anchor = Noise<double>(size, 1);
    const auto linear = Noise<double>(size, 2);
    for (const auto& [name, rule] : Rules<double>(anchor, linear)) {
      SCOPED_TRACE(name);
      // Growing, ragged and single batches; two steps at least carry momentum.
      EXPECT_LT(TrainedApart(network, rule, {4, 1, 13, 5}), 1e-10);
    }
  }
}

TEST(PlanSession, EqualsAutogradInFloatOnEveryInstructionSet) {
  for (const std::string& name : kernel::InstructionSets()) {
    SCOPED_TRACE(name);
    kernel::UseInstructionSet(name);
    for (const Case& test : Cases()) {
      SCOPED_TRACE(test.name);
      const Network network = Network::Build(test.layers, test.input);
      EXPECT_LT(TrainedApart<float>(network, {.lr = 0.1}, {4, 1, 13, 5}), 2e-5);
    }
  }
  kernel::UseInstructionSet("");
}

// Random stacks of layers on random images.
TEST(PlanSession, EqualsAutogradOnRandomStacks) {
  core::Stream stream = core::Stream::Named(7, "stacks");
  const auto draw = [&](std::uint64_t bound) {
    return static_cast<std::int64_t>(stream.Below(bound));
  };
  int built = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const InputSpec input{.shape = {1 + draw(3), 6 + draw(6), 6 + draw(6)},
                          .num_classes = 2 + draw(20)};
    std::vector<Layer> layers;
    for (std::int64_t i = draw(6); i >= 0; --i) {
      switch (draw(6)) {
        case 0:
        case 1: {
          const std::int64_t kernel = 1 + draw(4);
          layers.push_back(Convolution(
              1 + draw(40), kernel, draw(static_cast<std::uint64_t>(kernel))));
          break;
        }
        case 2:
          layers.push_back(Simple(LayerType::kRelu));
          break;
        case 3:
          layers.push_back(
              Dropout(0.1 * static_cast<double>(draw(5)), draw(2) == 0));
          break;
        case 4:
          layers.push_back(
              Pool(draw(2) == 0 ? LayerType::kMaxPool : LayerType::kAveragePool,
                   2,
                   1 + draw(3),
                   draw(2),
                   draw(2) == 0));
          break;
        default:
          layers.push_back(Simple(LayerType::kTanh));
      }
    }
    layers.push_back(Simple(LayerType::kFlatten));
    for (std::int64_t i = draw(3); i > 0; --i) {
      layers.push_back(Dense(1 + draw(60)));
      if (draw(2) == 0) layers.push_back(Simple(LayerType::kRelu));
      if (draw(3) == 0) layers.push_back(Dropout(0.2));
    }
    layers.push_back(Dense(input.num_classes));
    std::string text = std::to_string(trial) + ":";
    for (const Layer& layer : layers) {
      text += " " + std::string(ToText(layer.type)) + "/" +
              std::to_string(layer.units) + "/" + std::to_string(layer.kernel) +
              "/" + std::to_string(layer.stride) + "/" +
              std::to_string(layer.padding);
    }
    SCOPED_TRACE(text);
    std::optional<Network> network;
    try {
      network = Network::Build(layers, input);
    } catch (const std::exception&) {
      continue;  // the image became too small
    }
    ++built;
    EXPECT_LT(TrainedApart<double>(*network, {.lr = 0.05}, {3, 7, 1}), 1e-10);
  }
  EXPECT_GT(built, 30);
}

// Performance 16, test 3: 120 steps against double precision.
TEST(PlanSession, DriftsFromDoubleNoMoreThanRounding) {
  const InputSpec input{.shape = {784}, .num_classes = 10};
  const Network network = Network::Build({Dense(200),
                                          Simple(LayerType::kRelu),
                                          Dense(200),
                                          Simple(LayerType::kRelu),
                                          Dense(10)},
                                         input);
  const auto plan = MakePlanSession<float>(network, BufferPolicy::kAggregate);
  const auto oracle =
      MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
  core::Stream dropout = core::Stream::Named(1, "dropout");
  for (std::uint64_t step = 0; step < 120; ++step) {
    const Samples samples(input, 10, step % 6);
    plan->Step(samples.View(), {.lr = 0.05}, dropout);
    oracle->Step(samples.View(), {.lr = 0.05}, dropout);
  }
  double error = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < plan->parameters().size(); ++i) {
    const double exact = oracle->parameters()[i];
    error += std::pow(static_cast<double>(plan->parameters()[i]) - exact, 2);
    norm += exact * exact;
  }
  EXPECT_LT(std::sqrt(error / norm), 5e-6);
  EXPECT_GT(std::sqrt(error / norm), 1e-9) << "it cannot be double already";
}

// Gradients of a batch larger than one pass, losses and predictions.
TEST(PlanSession, GradientsAndPredictionsEqualAutograd) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto plan =
        MakePlanSession<double>(network, BufferPolicy::kAggregate);
    const auto oracle =
        MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
    const Samples samples(test.input, 600, 5);
    const std::size_t size = plan->parameters().size();
    std::vector<double> ours(size, 1.0);
    std::vector<double> theirs(size, 1.0);
    EXPECT_NEAR(plan->AddGradient(samples.View(), 0.5, ours),
                oracle->AddGradient(samples.View(), 0.5, theirs),
                1e-10);
    EXPECT_LT(Distance<double>(ours, theirs), 1e-10);

    const std::size_t count = samples.targets.size();
    std::vector<float> losses(count), other_losses(count);
    std::vector<float> scores(count), other_scores(count);
    std::vector<std::int64_t> predicted(count), other_predicted(count);
    plan->Predict(
        samples.View(),
        {.losses = losses, .predicted = predicted, .second_scores = scores});
    oracle->Predict(samples.View(),
                    {.losses = other_losses,
                     .predicted = other_predicted,
                     .second_scores = other_scores});
    EXPECT_EQ(predicted, other_predicted);
    EXPECT_LT(Distance<float>(losses, other_losses), 1e-6);
    EXPECT_LT(Distance<float>(scores, other_scores), 1e-6);
  }
}

// Performance 2.4 and 16, test 9: norms without the gradients, against one
// backward pass a sample; a batch with two equal samples among them.
TEST(PlanSession, ExampleNormsEqualOneBackwardPassAnExample) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto plan =
        MakePlanSession<double>(network, BufferPolicy::kAggregate);
    const auto oracle =
        MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
    Samples samples(test.input, 6, 5);
    const auto repeat = [](auto& values) {
      const auto width = static_cast<std::ptrdiff_t>(values.size() / 6);
      std::copy_n(values.begin(), width, values.begin() + width);
    };
    repeat(samples.features);
    repeat(samples.tokens);
    repeat(samples.targets);
    std::vector<double> ours(6);
    std::vector<double> theirs(6);
    plan->ExampleGradientNorms(samples.View(), ours);
    oracle->ExampleGradientNorms(samples.View(), theirs);
    EXPECT_LT(Distance<double>(ours, theirs), 1e-10);
    EXPECT_EQ(ours[0], ours[1]);
  }
}

TEST(PlanSession, GivesTheSameBitsEachTime) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto run = [&](bool warm) {
      const auto session =
          MakePlanSession<float>(network, BufferPolicy::kAggregate);
      const std::vector<float> start(session->parameters().begin(),
                                     session->parameters().end());
      core::Stream dropout = core::Stream::Named(1, "dropout");
      if (warm) {
        // Another client's work on larger batches must leave no trace.
        core::Stream other = core::Stream::Named(2, "dropout");
        session->Step(Samples(test.input, 40, 9).View(),
                      {.lr = 0.5, .momentum = 0.9},
                      other);
        std::copy(start.begin(), start.end(), session->parameters().begin());
        session->ResetMomentum();
      }
      for (const std::int64_t size : {5, 2}) {
        session->Step(Samples(test.input, size, 1).View(),
                      {.lr = 0.1, .momentum = 0.9},
                      dropout);
      }
      return std::vector<float>(session->parameters().begin(),
                                session->parameters().end());
    };
    EXPECT_EQ(run(false), run(false));
    EXPECT_EQ(run(false), run(true));
  }
}

// A client that starts from the global model where it lies ends where one ends
// that has copied it, and so does the next, in other memory.
TEST(PlanSession, StartsFromWeightsThatLieElsewhere) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto size = static_cast<std::size_t>(network.num_parameters());
    const auto anchor = Noise<float>(size, 1);
    const auto linear = Noise<float>(size, 2);
    const std::vector<float> global = Noise<float>(size, 3);
    for (const auto& [name, rule] : Rules<float>(anchor, linear)) {
      SCOPED_TRACE(name);
      const auto copied =
          MakePlanSession<float>(network, BufferPolicy::kAggregate);
      const auto session =
          MakePlanSession<float>(network, BufferPolicy::kAggregate);
      core::AlignedBuffer<float> memory;
      for (const std::int64_t steps : {2, 0, 1}) {
        const std::vector<float> untouched = global;
        std::copy(global.begin(), global.end(), copied->parameters().begin());
        session->StartFrom(global);
        core::Stream one = core::Stream::Named(1, "dropout");
        core::Stream two = core::Stream::Named(1, "dropout");
        copied->ResetMomentum();
        session->ResetMomentum();
        for (std::int64_t step = 0; step < steps; ++step) {
          const Samples samples(test.input, 5 - step, 1);
          EXPECT_EQ(copied->Step(samples.View(), rule, one),
                    session->Step(samples.View(), rule, two));
        }
        const std::vector<float> expected(copied->parameters().begin(),
                                          copied->parameters().end());
        const std::span<const float> found = session->GiveParameters(&memory);
        EXPECT_EQ(std::vector<float>(found.begin(), found.end()), expected);
        EXPECT_EQ(global, untouched);
      }
    }
  }
}

TEST(PlanSession, CopiesItsStartOnceItIsLookedAt) {
  const Network network =
      Network::Build({Dense(20), Simple(LayerType::kRelu), Dense(3)},
                     {.shape = {5}, .num_classes = 3});
  std::vector<float> global =
      Noise<float>(static_cast<std::size_t>(network.num_parameters()), 3);
  const std::vector<float> kept = global;
  for (const bool plan : {true, false}) {
    const auto session =
        plan ? MakePlanSession<float>(network, BufferPolicy::kAggregate)
             : MakeAutogradSession<float>(network, BufferPolicy::kAggregate);
    global = kept;
    session->StartFrom(global);
    const std::span<float> own = session->parameters();
    EXPECT_NE(own.data(), global.data());
    std::fill(global.begin(), global.end(), 0.0F);
    EXPECT_EQ(std::vector<float>(own.begin(), own.end()), kept);
    core::AlignedBuffer<float> memory;
    const std::span<const float> given = session->GiveParameters(&memory);
    session->StartFrom(global);
    EXPECT_EQ(std::vector<float>(given.begin(), given.end()), kept);
  }
}

TEST(PlanSession, NamesWhatIsInItsWay) {
  const auto obstacle = [](std::vector<Layer> layers, const InputSpec& input) {
    return PlanObstacle(Network::Build(std::move(layers), input),
                        BufferPolicy::kAggregate);
  };
  const InputSpec image{.shape = {2, 8, 8}, .num_classes = 3};
  EXPECT_EQ(obstacle(Ended({Convolution(4, 3, 1, 2)}, 3), image),
            "layer 0.convolution has a stride of 2; the plan has only stride "
            "1");
  EXPECT_EQ(
      obstacle(Ended({Convolution(4, 3), Simple(LayerType::kBatchNorm)}, 3),
               image),
      "layer 1.batch_norm has no plan");
  const InputSpec series{.shape = {6, 5}, .num_classes = 4};
  EXPECT_EQ(obstacle({Simple(LayerType::kFlatten), Dense(4)}, series),
            "layer 0.flatten of a sequence has no plan");
}

}  // namespace
}  // namespace fedtorch::engine
