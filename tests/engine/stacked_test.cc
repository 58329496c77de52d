// The stack against one autograd session a client: the same numbers from
// another derivation, another order of work and other operators.
#include "fedtorch/engine/stacked.h"

#include "fedtorch/core/errors.h"
#include "tests/engine/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
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

// Relative to the largest weight.
template <class Real>
constexpr double kTolerance = std::is_same_v<Real, float> ? 1e-5 : 1e-10;

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

std::vector<Case> Cases() {
  const InputSpec image{.shape = {2, 7, 9}, .num_classes = 3};
  const InputSpec columns{.shape = {5}, .num_classes = 3};
  const InputSpec series{.shape = {6, 5}, .num_classes = 4, .target_length = 6};
  const InputSpec text{
      .shape = {7}, .tokens = true, .num_classes = 4, .target_length = 7};
  InputSpec last = text;
  last.target_length = 1;
  const Layer relu = Simple(LayerType::kRelu);
  const auto flat = [](std::vector<Layer> layers) {
    layers.push_back(Simple(LayerType::kFlatten));
    layers.push_back(Dense(3));
    return layers;
  };
  Layer plain = Dense(3);
  plain.bias = false;
  Layer strided = Convolution(4, 3, 1, 2);
  strided.bias = false;
  Layer groups = Simple(LayerType::kGroupNorm);
  groups.groups = 2;
  return {
      {"dense", {Dense(3)}, columns},
      {"dense_without_bias", {plain}, columns},
      {"dense_relu", {Dense(20), relu, Dense(3)}, columns},
      {"tanh", {Dense(4), Simple(LayerType::kTanh), Dense(3)}, columns},
      {"sigmoid", {Dense(4), Simple(LayerType::kSigmoid), Dense(3)}, columns},
      {"dropout",
       {Dropout(0.2), Dense(12), relu, Dropout(0.5), Dense(3)},
       columns},
      {"dense_over_series", {Dense(8), relu, Dense(4)}, series},
      {"flat_series",
       {Simple(LayerType::kFlatten), Dense(3)},
       {.shape = {6, 5}, .num_classes = 3}},
      {"convolution", flat({Convolution(4, 3, 1)}), image},
      {"two_convolutions",
       flat({Convolution(4, 3), relu, Convolution(3, 2, 1), relu}),
       image},
      {"strided",
       flat({Convolution(3, 3, 1), relu, strided, Simple(LayerType::kTanh)}),
       image},
      {"dropout_on_images",
       flat({Convolution(4, 3, 1), relu, Dropout(0.3)}),
       image},
      {"whole_maps_of_images",
       flat({Convolution(4, 3, 1), relu, Dropout(0.3, /*whole_maps=*/true)}),
       image},
      {"whole_maps_of_series",
       {Dense(8), Dropout(0.3, /*whole_maps=*/true), Dense(4)},
       series},
      {"max_pool", flat({Convolution(4, 3, 1), relu, MaxPool(2)}), image},
      {"ceiling_max_pool",
       flat({Convolution(4, 3, 1), Pool(LayerType::kMaxPool, 3, 2, 0, true)}),
       image},
      {"overlapping_max_pool",
       flat({Convolution(4, 3, 1), Pool(LayerType::kMaxPool, 3, 2, 1, false)}),
       image},
      {"average_pool",
       flat({Convolution(4, 3, 1),
             Pool(LayerType::kAveragePool, 2, 2, 0, false)}),
       image},
      {"ceiling_average_pool",
       flat({Convolution(4, 3, 1),
             Pool(LayerType::kAveragePool, 3, 2, 1, true)}),
       image},
      {"group_norm", flat({Convolution(4, 3), groups, relu}), image},
      {"embedding", {model::Embedding(3), Dense(4)}, text},
      {"lstm", {model::Embedding(3), model::Lstm(5), Dense(4)}, text},
      {"two_lstms",
       {model::Embedding(3), model::Lstm(5), model::Lstm(4), Dense(4)},
       text},
      {"last_position",
       {model::Embedding(3),
        model::Lstm(5),
        Simple(LayerType::kLastPosition),
        Dropout(0.4),
        Dense(4)},
       last},
  };
}

// One client: its samples, cut into batches of which the last of an epoch is
// short, and its place to start from.
struct Client {
  Samples samples;
  std::int64_t batch_size;
  std::int64_t steps;
  std::uint64_t id;
  std::size_t zeros = 0;  // parameters that start at 0, from the first on

  Batch BatchAt(std::int64_t step) const {
    const std::int64_t batches = (samples.size + batch_size - 1) / batch_size;
    const std::int64_t first = step % batches * batch_size;
    const std::int64_t size = std::min(batch_size, samples.size - first);
    const auto part = [&](auto values) {
      const std::size_t width =
          values.size() / static_cast<std::size_t>(samples.size);
      return values.subspan(static_cast<std::size_t>(first) * width,
                            static_cast<std::size_t>(size) * width);
    };
    const Batch all = samples.View();
    return {.size = size,
            .features = part(all.features),
            .tokens = part(all.tokens),
            .targets = part(all.targets)};
  }
};

// Clients of unequal data; batches of 4, so that most end with a short one.
std::vector<Client> ClientsOf(const InputSpec& input,
                              const std::vector<std::int64_t>& steps) {
  std::vector<Client> clients;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto samples = static_cast<std::int64_t>(3 + 4 * i % 11);
    clients.push_back({Samples(input, samples, 100 + i), 4, steps[i], i});
  }
  return clients;
}

template <class Real>
std::vector<Real> RandomVector(const Network& network,
                               std::uint64_t seed,
                               double scale) {
  core::Stream stream = core::Stream::Named(seed, "vector");
  std::vector<Real> values(static_cast<std::size_t>(network.num_parameters()));
  for (Real& value : values) {
    value = static_cast<Real>(scale * stream.Normal());
  }
  return values;
}

// The rule of each client by its id; differs between clients on purpose.
template <class Real>
using RuleOf = std::function<StepRule<Real>(std::uint64_t client)>;

template <class Real>
struct Outcome {
  std::map<std::uint64_t, std::vector<Real>> weights;
  std::map<std::uint64_t, double> losses;
  StackedWork work;
};

template <class Real>
std::vector<Real> StartOf(const Network& network, const Client& client) {
  std::vector<float> initial(
      static_cast<std::size_t>(network.num_parameters()));
  network.InitialParameters(client.id, initial);
  std::fill_n(initial.begin(), client.zeros, 0.0F);
  return {initial.begin(), initial.end()};
}

core::Stream DropoutOf(std::uint64_t client) {
  return core::Stream::Named(7, "dropout", {client});
}

template <class Real>
Outcome<Real> OneAtATime(const Network& network,
                         const std::vector<Client>& clients,
                         const RuleOf<Real>& rule_of) {
  Outcome<Real> outcome;
  for (const Client& client : clients) {
    const auto session =
        MakeAutogradSession<Real>(network, BufferPolicy::kAggregate);
    const std::vector<Real> start = StartOf<Real>(network, client);
    std::copy(start.begin(), start.end(), session->parameters().begin());
    core::Stream dropout = DropoutOf(client.id);
    double sum = 0.0;
    double seen = 0.0;
    for (std::int64_t t = 0; t < client.steps; ++t) {
      const Batch batch = client.BatchAt(t);
      const auto size = static_cast<double>(batch.size);
      sum += size * session->Step(batch, rule_of(client.id), dropout);
      seen += size;
    }
    outcome.weights[client.id].assign(session->parameters().begin(),
                                      session->parameters().end());
    outcome.losses[client.id] = seen > 0.0 ? sum / seen : 0.0;
  }
  return outcome;
}

template <class Real>
Outcome<Real> Stacked(const Network& network,
                      const std::vector<Client>& clients,
                      const RuleOf<Real>& rule_of) {
  PrepareThread();
  const auto stack = MakeStack<Real>(network, OpenDevice("cpu"));
  Outcome<Real> outcome;
  std::vector<core::Stream> streams;
  std::vector<std::int64_t> done(clients.size(), 0);
  for (const Client& client : clients) streams.push_back(DropoutOf(client.id));
  std::vector<StackedClient<Real>> stacked;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const Client& client = clients[i];
    outcome.weights[client.id] = StartOf<Real>(network, client);
    stacked.push_back(
        {.steps = client.steps,
         .rule = rule_of(client.id),
         .weights = outcome.weights[client.id],
         .next_batch = [&client,
                        &count = done[i]] { return client.BatchAt(count++); },
         .dropout = &streams[i]});
  }
  outcome.work = stack->Train(stacked);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    outcome.losses[clients[i].id] = stacked[i].loss;
    EXPECT_EQ(done[i], clients[i].steps);
  }
  return outcome;
}

template <class Real>
void ExpectNear(const Outcome<Real>& found, const Outcome<Real>& expected) {
  for (const auto& [client, weights] : expected.weights) {
    double largest = 1.0;
    for (const Real value : weights) {
      largest = std::max(largest, std::fabs(static_cast<double>(value)));
    }
    const std::vector<Real>& others = found.weights.at(client);
    double worst = 0.0;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      worst = std::max(worst,
                       std::fabs(static_cast<double>(weights[j] - others[j])));
    }
    EXPECT_LE(worst, kTolerance<Real> * largest) << "client " << client;
    EXPECT_NEAR(found.losses.at(client),
                expected.losses.at(client),
                kTolerance<Real> * std::max(1.0, expected.losses.at(client)))
        << "client " << client;
  }
}

template <class Real>
class StackedTest : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(StackedTest, Reals);

TYPED_TEST(StackedTest, EveryLayerIsThatOfOneSessionAClient) {
  using Real = TypeParam;
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    ASSERT_EQ(StackedObstacle(network, BufferPolicy::kAggregate), "");
    const auto clients = ClientsOf(test.input, {3, 0, 5, 1, 5});
    const RuleOf<Real> rule = [](std::uint64_t client) {
      return StepRule<Real>{.lr = 0.05 + 0.02 * static_cast<double>(client)};
    };
    ExpectNear(Stacked<Real>(network, clients, rule),
               OneAtATime<Real>(network, clients, rule));
  }
}

// The networks that the rules are tried on: all three kinds of gradients.
std::vector<Case> FewCases() {
  std::vector<Case> few;
  for (const Case& test : Cases()) {
    for (const char* name :
         {"dropout", "group_norm", "two_convolutions", "lstm"}) {
      if (test.name == name) few.push_back(test);
    }
  }
  return few;
}

struct NamedRule {
  std::string name;
  StepRule<double> rule;  // spans unset: they are filled in by type
  bool linear = false;
};

std::vector<NamedRule> Rules() {
  const StepRule<double> plain{.lr = 0.1};
  const auto with = [&](auto change) {
    StepRule<double> rule = plain;
    change(rule);
    return rule;
  };
  return {
      {"plain", plain},
      {"momentum", with([](auto& r) { r.momentum = 0.9; })},
      {"weight_decay", with([](auto& r) { r.weight_decay = 0.3; })},
      {"prox", with([](auto& r) { r.prox = 0.7; })},
      {"linear", plain, true},
      {"max_gradient_norm", with([](auto& r) { r.max_gradient_norm = 0.3; })},
      {"max_example_norm", with([](auto& r) { r.max_example_norm = 0.4; })},
      {"everything",
       with([](auto& r) {
         r.momentum = 0.5;
         r.weight_decay = 0.1;
         r.prox = 0.2;
         r.max_example_norm = 0.5;
         r.max_gradient_norm = 0.4;
       }),
       true},
  };
}

// Vectors that the rules point into, by client.
template <class Real>
struct Vectors {
  std::map<std::uint64_t, std::vector<Real>> anchor;
  std::map<std::uint64_t, std::vector<Real>> linear;
};

// The rule for a client: the learning rate and the strengths differ, and every
// third client goes without the terms, so that waves are mixed.
template <class Real>
StepRule<Real> RuleFor(const NamedRule& named,
                       const Vectors<Real>& vectors,
                       std::uint64_t client) {
  const double scale = 1.0 + 0.2 * static_cast<double>(client);
  StepRule<Real> rule{.lr = named.rule.lr / scale};
  if (client % 3 == 2) return rule;
  rule.momentum = named.rule.momentum / scale;
  rule.weight_decay = named.rule.weight_decay * scale;
  rule.prox = named.rule.prox * scale;
  rule.max_gradient_norm = named.rule.max_gradient_norm * scale;
  rule.max_example_norm = named.rule.max_example_norm * scale;
  if (rule.prox != 0.0) rule.anchor = vectors.anchor.at(client);
  if (named.linear) rule.linear = vectors.linear.at(client);
  return rule;
}

template <class Real>
void CompareRules(const std::vector<std::int64_t>& steps) {
  for (const Case& test : FewCases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto clients = ClientsOf(test.input, steps);
    Vectors<Real> vectors;
    for (const Client& client : clients) {
      vectors.anchor[client.id] =
          RandomVector<Real>(network, 2 * client.id, 0.3);
      vectors.linear[client.id] =
          RandomVector<Real>(network, 2 * client.id + 1, 0.05);
    }
    for (const NamedRule& named : Rules()) {
      SCOPED_TRACE(named.name);
      const RuleOf<Real> rule = [&](std::uint64_t client) {
        return RuleFor<Real>(named, vectors, client);
      };
      ExpectNear(Stacked<Real>(network, clients, rule),
                 OneAtATime<Real>(network, clients, rule));
    }
  }
}

TYPED_TEST(StackedTest, EveryRuleWithOneClient) {
  CompareRules<TypeParam>({4});
}

TYPED_TEST(StackedTest, EveryRuleWithEqualSteps) {
  CompareRules<TypeParam>({3, 3, 3});
}

TYPED_TEST(StackedTest, EveryRuleWithUnequalStepsOfWhichOneIsHuge) {
  CompareRules<TypeParam>({2, 0, 1, 40, 1, 3, 0});
}

// A client that has no steps left stands still, whatever its rule would do to
// it: equal to the same client in a stack that ends with it.
TEST(Stacked, FinishedClientsDoNotMove) {
  const Case test = FewCases()[0];
  const Network network = Network::Build(test.layers, test.input);
  const auto anchor = RandomVector<double>(network, 1, 1.0);
  const auto linear = RandomVector<double>(network, 2, 1.0);
  for (const NamedRule& named : Rules()) {
    SCOPED_TRACE(named.name);
    const RuleOf<double> rule = [&](std::uint64_t) {
      StepRule<double> result = named.rule;
      result.anchor = anchor;
      if (named.linear) result.linear = linear;
      return result;
    };
    auto clients = ClientsOf(test.input, {2, 2});
    const auto before = Stacked<double>(network, clients, rule);
    clients[1].steps = 30;
    const auto after = Stacked<double>(network, clients, rule);
    EXPECT_EQ(before.weights.at(0), after.weights.at(0));
    EXPECT_NE(before.weights.at(1), after.weights.at(1));
  }
}

TEST(Stacked, TheOrderOfTheClientsChangesNothing) {
  for (const Case& test : FewCases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    auto clients = ClientsOf(test.input, {2, 5, 2, 0, 7, 5});
    const RuleOf<double> rule = [](std::uint64_t client) {
      return StepRule<double>{.lr = 0.1 + 0.01 * static_cast<double>(client),
                              .momentum = 0.5};
    };
    const auto forward = Stacked<double>(network, clients, rule);
    std::reverse(clients.begin(), clients.end());
    ExpectNear(Stacked<double>(network, clients, rule), forward);
  }
}

// While a convolution is zero all its values are equal, though the windows they
// stand for differ, so its gradient shows which of them a pool chose.
TEST(Stacked, EqualValuesOfAPoolSendTheirGradientTheSameWay) {
  for (const std::int64_t stride : {2, 3}) {
    const Network network =
        Network::Build({Convolution(4, 3, 1),
                        Pool(LayerType::kMaxPool, 3, stride, 1, true),
                        Simple(LayerType::kFlatten),
                        Dense(3)},
                       {.shape = {2, 7, 9}, .num_classes = 3});
    auto clients = ClientsOf(network.input(), {1, 2});
    for (Client& client : clients) client.zeros = 3 * 3 * 2 * 4;
    const RuleOf<double> rule = [](std::uint64_t) {
      return StepRule<double>{.lr = 0.1};
    };
    ExpectNear(Stacked<double>(network, clients, rule),
               OneAtATime<double>(network, clients, rule));
  }
}

TEST(Stacked, GivesTheSameBitsEveryTime) {
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto clients = ClientsOf(test.input, {2, 5, 2, 1});
    const RuleOf<float> rule = [](std::uint64_t) {
      return StepRule<float>{.lr = 0.1};
    };
    const auto first = Stacked<float>(network, clients, rule);
    const auto second = Stacked<float>(network, clients, rule);
    EXPECT_EQ(first.weights, second.weights);
    EXPECT_EQ(first.losses, second.losses);
  }
}

// sum(steps) / sum_t K_t with K_t the clients that have a step t: nothing is
// spent on finished clients, while short batches leave slots unused.
TEST(Stacked, CountsItsWork) {
  const Case test = Cases()[0];
  const Network network = Network::Build(test.layers, test.input);
  const auto clients = ClientsOf(test.input, {2, 0, 1, 40, 1, 3, 0});
  const auto outcome = Stacked<double>(network, clients, [](std::uint64_t) {
    return StepRule<double>{.lr = 0.1};
  });
  std::int64_t slots = 0;
  std::int64_t samples = 0;
  std::int64_t padded = 0;
  for (std::int64_t t = 0; t < 40; ++t) {
    std::int64_t active = 0;
    std::int64_t largest = 0;
    for (const Client& client : clients) {
      if (client.steps <= t) continue;
      ++active;
      samples += client.BatchAt(t).size;
      largest = std::max(largest, client.BatchAt(t).size);
    }
    slots += active;
    padded += active * largest;
  }
  EXPECT_EQ(outcome.work.client_steps, 47);
  EXPECT_EQ(outcome.work.slots, slots);
  EXPECT_EQ(outcome.work.useful_steps(), 1.0);
  EXPECT_EQ(outcome.work.samples, samples);
  EXPECT_EQ(outcome.work.sample_slots, padded);
  EXPECT_LT(outcome.work.useful_samples(), 1.0);
}

TEST(Stacked, AnEmptyStackIsNoWork) {
  const Case test = Cases()[0];
  const Network network = Network::Build(test.layers, test.input);
  const auto outcome = Stacked<double>(
      network, {}, [](std::uint64_t) { return StepRule<double>{.lr = 0.1}; });
  EXPECT_EQ(outcome.work.slots, 0);
  EXPECT_EQ(outcome.work.useful_steps(), 1.0);
}

TYPED_TEST(StackedTest, GradientsAreThoseOfASession) {
  using Real = TypeParam;
  PrepareThread();
  for (const Case& test : Cases()) {
    SCOPED_TRACE(test.name);
    const Network network = Network::Build(test.layers, test.input);
    const auto clients = ClientsOf(test.input, {1, 1, 1, 1});
    const auto stack = MakeStack<Real>(network, OpenDevice("cpu"));
    std::vector<StackedGradient<Real>> stacked;
    std::vector<std::vector<Real>> found(clients.size());
    std::vector<std::vector<Real>> starts;
    std::vector<std::int64_t> done(clients.size(), 0);
    for (const Client& client : clients) {
      starts.push_back(StartOf<Real>(network, client));
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const Client& client = clients[i];
      found[i].assign(starts[i].size(), Real{9});
      // The last client has no sample at all.
      const bool empty = i + 1 == clients.size();
      stacked.push_back(
          {.batches = empty ? 0 : (client.samples.size + 3) / 4,
           .weights = starts[i],
           .next_batch = [&client,
                          &count = done[i]] { return client.BatchAt(count++); },
           .out = found[i]});
    }
    stack->Gradients(stacked);
    for (std::size_t i = 0; i + 1 < clients.size(); ++i) {
      const auto session =
          MakeAutogradSession<Real>(network, BufferPolicy::kAggregate);
      std::copy(
          starts[i].begin(), starts[i].end(), session->parameters().begin());
      std::vector<Real> expected(starts[i].size(), Real{0});
      const double loss =
          session->AddGradient(clients[i].samples.View(), Real{1}, expected);
      EXPECT_NEAR(stacked[i].loss, loss, kTolerance<Real>);
      for (std::size_t j = 0; j < expected.size(); ++j) {
        ASSERT_NEAR(found[i][j], expected[j], kTolerance<Real>) << i;
      }
    }
    EXPECT_THAT(found.back(), ::testing::Each(Real{0}));
    EXPECT_EQ(stacked.back().loss, 0.0);
  }
}

TEST(Stacked, RefusesBatchNorm) {
  const InputSpec columns{.shape = {5}, .num_classes = 3};
  const Network network = Network::Build(
      {Dense(4), Simple(LayerType::kBatchNorm), Dense(3)}, columns);
  EXPECT_EQ(StackedObstacle(network, BufferPolicy::kAggregate),
            "layer 1.batch_norm shares statistics over the batch and has no "
            "stacked form");
  EXPECT_THROW(MakeStack<float>(network, OpenDevice("cpu")), core::Bug);
}

// 4 * (5 d + batch * values) by hand: dense [5, 3] has 18 parameters and three
// outputs, so three times three values a sample; the convolution has
// 2 * 9 * 4 + 4 parameters, 4 * 7 * 9 outputs and unfolds 7 * 9 windows of 18.
TEST(Stacked, EstimatesItsMemory) {
  const InputSpec columns{.shape = {5}, .num_classes = 3};
  EXPECT_EQ(StackedBytes(Network::Build({Dense(3)}, columns), 10),
            4 * (5 * 18 + 10 * 9));
  const InputSpec image{.shape = {2, 7, 9}, .num_classes = 3};
  const Network network = Network::Build(
      {Convolution(4, 3, 1), Simple(LayerType::kFlatten), Dense(3)}, image);
  const std::int64_t outputs = 4 * 7 * 9;
  EXPECT_EQ(StackedBytes(network, 2),
            4 * (5 * (76 + outputs * 3 + 3) +
                 2 * (3 * (2 * outputs + 3) + 2 * 7 * 9 * 18)));
}

}  // namespace
}  // namespace fedtorch::engine
