// resnet18 and transformer against the same functions written down a second
// time, with the operators that LibTorch has for whole parts (attention, group
// norm) or by hand, in double.
#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/model/model.h"
#include "tests/engine/samples.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::BufferPolicy;
using model::InputSpec;
using model::Network;

Network Read(const std::string& yaml, const InputSpec& input) {
  config::Document document = config::Document::FromText(yaml, "test.yaml");
  config::Section root = document.Root();
  const model::Options options = model::Options::Read(root);
  document.Finish();
  return options.Build(input);
}

// Hands out a network's tensors, and masks of dropout, one after the other.
class Tape {
 public:
  Tape(const Network& network, std::span<const double> values) {
    for (const model::TensorEntry& entry : network.layout().parameters) {
      at::Tensor leaf =
          at::from_blob(const_cast<double*>(values.data() + entry.offset),
                        entry.shape,
                        at::kDouble)
              .clone();
      leaf.set_requires_grad(true);
      leaves_.push_back(leaf);
    }
  }

  // Draws masks as session.h states: each for the whole batch.
  void DrawMask(std::vector<std::int64_t> shape,
                double rate,
                core::Stream* stream) {
    at::Tensor mask = at::empty(shape, at::kDouble);
    double* values = mask.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < mask.numel(); ++i) {
      const bool drops =
          static_cast<double>(stream->Bits32()) < rate * 4294967296.0;
      values[i] = drops ? 0.0 : 1.0 / (1.0 - rate);
    }
    masks_.push_back(mask);
  }

  at::Tensor Next() { return leaves_.at(next_leaf_++); }
  at::Tensor Drop(const at::Tensor& x) {
    return masks_.empty() ? x : x * masks_.at(next_mask_++);
  }

  // The gradient of a loss as one vector.
  std::vector<double> Gradient(const at::Tensor& loss) {
    loss.backward();
    std::vector<double> all;
    for (const at::Tensor& leaf : leaves_) {
      const at::Tensor gradient = leaf.grad().contiguous();
      const double* values = gradient.const_data_ptr<double>();
      all.insert(all.end(), values, values + gradient.numel());
    }
    return all;
  }

 private:
  std::vector<at::Tensor> leaves_;
  std::vector<at::Tensor> masks_;
  std::size_t next_leaf_ = 0;
  std::size_t next_mask_ = 0;
};

// By hand: mean 0 and variance 1 over each group of channels of each image.
at::Tensor GroupNorm(const at::Tensor& x, std::int64_t groups, Tape* tape) {
  const at::Tensor grouped = x.reshape({x.size(0), groups, -1});
  const at::Tensor centred = grouped - grouped.mean(2, true);
  const at::Tensor variance = (centred * centred).mean(2, true);
  const at::Tensor normal = (centred / (variance + 1e-5).sqrt()).reshape_as(x);
  const at::Tensor scale = tape->Next().reshape({1, -1, 1, 1});
  return normal * scale + tape->Next().reshape({1, -1, 1, 1});
}

at::Tensor Convolve(const at::Tensor& x, std::int64_t stride, Tape* tape) {
  const at::Tensor weight = tape->Next().permute({3, 2, 0, 1});
  const std::int64_t padding = weight.size(2) == 3 ? 1 : 0;
  return at::conv2d(x, weight, {}, stride, padding);
}

at::Tensor Resnet18(at::Tensor x, Tape* tape) {
  x = GroupNorm(Convolve(x, 1, tape), 2, tape).clamp_min(0.0);
  for (int block = 0; block < 8; ++block) {
    const bool halves = block == 2 || block == 4 || block == 6;
    at::Tensor y = Convolve(x, halves ? 2 : 1, tape);
    y = GroupNorm(y, 2, tape).clamp_min(0.0);
    y = GroupNorm(Convolve(y, 1, tape), 2, tape);
    if (halves) x = GroupNorm(Convolve(x, 2, tape), 2, tape);
    x = (x + y).clamp_min(0.0);
  }
  const at::Tensor pooled = x.sum({2, 3}) / (x.size(2) * x.size(3));
  const at::Tensor weight = tape->Next();
  return at::matmul(pooled, weight) + tape->Next();
}

at::Tensor LayerNorm(const at::Tensor& x, Tape* tape) {
  const at::Tensor centred = x - x.mean(2, true);
  const at::Tensor variance = (centred * centred).mean(2, true);
  const at::Tensor weight = tape->Next();
  return centred / (variance + 1e-5).sqrt() * weight + tape->Next();
}

// Attention head by head and query by query: each sees itself and what came
// before.
at::Tensor Attend(const at::Tensor& x, std::int64_t heads, Tape* tape) {
  const std::int64_t width = x.size(2) / heads;
  const at::Tensor weight_qkv = tape->Next();
  const at::Tensor qkv = at::matmul(x, weight_qkv) + tape->Next();
  const std::vector<at::Tensor> parts = qkv.split(x.size(2), 2);
  std::vector<at::Tensor> weights;
  for (std::int64_t h = 0; h < heads; ++h) {
    const auto of = [&](std::size_t part) {
      return parts[part].narrow(2, h * width, width);
    };
    std::vector<at::Tensor> rows;
    for (std::int64_t t = 0; t < x.size(1); ++t) {
      const at::Tensor query = of(0).narrow(1, t, 1);
      const at::Tensor keys = of(1).narrow(1, 0, t + 1);
      const at::Tensor scores =
          (query * keys).sum(2) / std::sqrt(static_cast<double>(width));
      const at::Tensor powers = scores.exp();
      const at::Tensor row = powers / powers.sum(1, true);
      rows.push_back(at::constant_pad_nd(row, {0, x.size(1) - t - 1}, 0.0));
    }
    weights.push_back(at::stack(rows, 1));
  }
  const at::Tensor kept = tape->Drop(at::stack(weights, 1));
  std::vector<at::Tensor> outputs;
  for (std::int64_t h = 0; h < heads; ++h) {
    outputs.push_back(
        at::matmul(kept.select(1, h), parts[2].narrow(2, h * width, width)));
  }
  const at::Tensor weight_out = tape->Next();
  return at::matmul(at::cat(outputs, 2), weight_out) + tape->Next();
}

at::Tensor Transformer(const at::Tensor& tokens,
                       std::int64_t layers,
                       std::int64_t heads,
                       bool learned,
                       Tape* tape) {
  const at::Tensor table = tape->Next();
  at::Tensor x = table.index_select(0, tokens.reshape({-1}))
                     .reshape({tokens.size(0), tokens.size(1), -1});
  if (learned) {
    x = x + tape->Next();
  } else {
    const std::int64_t width = table.size(1);
    const at::Tensor place =
        at::arange(tokens.size(1), at::kDouble).reshape({-1, 1});
    const at::Tensor power = at::arange(0, width, 2, at::kDouble) / width;
    const at::Tensor angle = place * at::exp(-std::log(10000.0) * power);
    x = x * std::sqrt(static_cast<double>(width)) +
        at::stack({angle.sin(), angle.cos()}, 2).flatten(1);
  }
  for (std::int64_t i = 0; i < layers; ++i) {
    x = LayerNorm(x + tape->Drop(Attend(x, heads, tape)), tape);
    at::Tensor weight = tape->Next();
    at::Tensor y = at::matmul(x, weight) + tape->Next();
    y = tape->Drop(y.clamp_min(0.0));
    weight = tape->Next();
    y = at::matmul(y, weight) + tape->Next();
    x = LayerNorm(x + tape->Drop(y), tape);
  }
  return at::matmul(x, table.t());
}

at::Tensor Loss(const at::Tensor& logits, const Samples& samples) {
  const at::Tensor rows =
      logits.reshape({static_cast<std::int64_t>(samples.targets.size()), -1});
  const at::Tensor own =
      at::from_blob(const_cast<std::int64_t*>(samples.targets.data()),
                    {static_cast<std::int64_t>(samples.targets.size()), 1},
                    at::kLong);
  return -rows.log_softmax(1).gather(1, own).mean();
}

at::Tensor Tokens(const Samples& samples, std::int64_t length) {
  return at::from_blob(const_cast<std::int64_t*>(samples.tokens.data()),
                       {samples.size, length},
                       at::kLong);
}

// Draws every parameter, so that no norm is at rest at 1 and 0.
void Stir(std::span<double> values, double deviation) {
  core::Stream stream = core::Stream::Named(5, "stir");
  for (double& value : values) value += deviation * stream.Normal();
}

void ExpectSameGradient(BasicSession<double>& session,
                        const Samples& samples,
                        const at::Tensor& loss,
                        Tape* tape) {
  std::vector<double> gradient(session.parameters().size(), 0.0);
  const double found = session.AddGradient(samples.View(), 1.0, gradient);
  EXPECT_NEAR(found, loss.item<double>(), 1e-10);
  const std::vector<double> expected = tape->Gradient(loss);
  ASSERT_EQ(expected.size(), gradient.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    ASSERT_NEAR(gradient[i], expected[i], 1e-10) << i;
  }
  EXPECT_GT(largest, 1e-3) << "nothing was compared";
}

TEST(PublishedNetworks, Resnet18IsTheNetworkOfThePaper) {
  const InputSpec input{.shape = {3, 16, 16}, .num_classes = 10};
  const Network network =
      Read("model: {name: resnet18, filters: 4, groups: 2}", input);
  const auto session =
      MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
  Stir(session->parameters(), 0.05);
  const Samples samples(input, 3, 1);
  Tape tape(network, session->parameters());
  const at::Tensor images =
      at::from_blob(const_cast<float*>(samples.features.data()), {3, 3, 16, 16})
          .to(at::kDouble);
  const at::Tensor loss = Loss(Resnet18(images, &tape), samples);
  ExpectSameGradient(*session, samples, loss, &tape);
}

const InputSpec kText{
    .shape = {6}, .tokens = true, .num_classes = 11, .target_length = 6};
constexpr const char* kSizes =
    "layers: 2, heads: 2, embedding: 8, feed_forward: 12";

TEST(PublishedNetworks, TransformerIsTheNetworkOfThePaper) {
  for (const bool learned : {false, true}) {
    SCOPED_TRACE(learned);
    const Network network =
        Read("model: {name: transformer, " + std::string(kSizes) +
                 ", positions: " + (learned ? "learned" : "sinusoidal") + "}",
             kText);
    const auto session =
        MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
    Stir(session->parameters(), 0.1);
    const Samples samples(kText, 4, 2);
    Tape tape(network, session->parameters());
    const at::Tensor loss =
        Loss(Transformer(Tokens(samples, 6), 2, 2, learned, &tape), samples);
    ExpectSameGradient(*session, samples, loss, &tape);
  }
}

// The masks of a layer are drawn for the whole batch before those of the next
// one: attention weights, what attention adds, hidden units, what they add.
TEST(PublishedNetworks, TransformerDrawsItsDropoutLayerByLayer) {
  const double rate = 0.3;
  const Network network = Read(
      "model: {name: transformer, dropout: 0.3, " + std::string(kSizes) + "}",
      kText);
  const auto session =
      MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
  const Samples samples(kText, 4, 2);
  Tape tape(network, session->parameters());
  core::Stream drawn = core::Stream::Named(3, "dropout");
  for (int layer = 0; layer < 2; ++layer) {
    tape.DrawMask({4, 2, 6, 6}, rate, &drawn);
    tape.DrawMask({4, 6, 8}, rate, &drawn);
    tape.DrawMask({4, 6, 12}, rate, &drawn);
    tape.DrawMask({4, 6, 8}, rate, &drawn);
  }
  const at::Tensor loss =
      Loss(Transformer(Tokens(samples, 6), 2, 2, false, &tape), samples);
  const std::vector<double> before(session->parameters().begin(),
                                   session->parameters().end());
  core::Stream stream = core::Stream::Named(3, "dropout");
  const double found = session->Step(samples.View(), {.lr = 1.0}, stream);
  EXPECT_NEAR(found, loss.item<double>(), 1e-10);
  const std::vector<double> gradient = tape.Gradient(loss);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    ASSERT_NEAR(before[i] - session->parameters()[i], gradient[i], 1e-10) << i;
  }
}

// With a bound that no gradient reaches, clipping example by example is the
// plain step; each example then has to find its own part of every mask.
TEST(PublishedNetworks, ExamplesKeepTheirMasksWhenTheyAreTakenOneByOne) {
  const InputSpec image{.shape = {2, 4, 4}, .num_classes = 3};
  const Network nested = Network::Build(
      {model::Residual({model::Convolution(2, 3, 1), model::Dropout(0.4)},
                       {model::Dropout(0.2), model::Convolution(2, 1)}),
       model::Simple(model::LayerType::kFlatten),
       model::Dropout(0.3),
       model::Dense(3)},
      image);
  const Network transformer = Read(
      "model: {name: transformer, dropout: 0.3, " + std::string(kSizes) + "}",
      kText);
  for (const Network* network : {&nested, &transformer}) {
    ASSERT_TRUE(network->has_dropout());
    const Samples samples(network->input(), 5, 4);
    const auto train = [&](double bound) {
      const auto session =
          MakeAutogradSession<double>(*network, BufferPolicy::kAggregate);
      core::Stream stream = core::Stream::Named(3, "dropout");
      session->Step(
          samples.View(), {.lr = 1.0, .max_example_norm = bound}, stream);
      return std::vector<double>(session->parameters().begin(),
                                 session->parameters().end());
    };
    const std::vector<double> plain = train(0.0);
    const std::vector<double> one_by_one = train(1e9);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      ASSERT_NEAR(plain[i], one_by_one[i], 1e-12) << i;
    }
  }
}

// Loss of every position of one text.
std::vector<float> Losses(const Network& network,
                          const std::vector<std::int64_t>& tokens) {
  const auto session =
      MakeAutogradSession<double>(network, BufferPolicy::kAggregate);
  const std::vector<std::int64_t> targets(tokens.size(), 3);
  std::vector<float> losses(tokens.size());
  std::vector<std::int64_t> predicted(tokens.size());
  session->Predict({.size = 1, .tokens = tokens, .targets = targets},
                   {.losses = losses, .predicted = predicted});
  return losses;
}

TEST(PublishedNetworks, NoTokenChangesAnEarlierScore) {
  const Network network =
      Read("model: {name: transformer, " + std::string(kSizes) + "}", kText);
  const std::vector<std::int64_t> text{1, 5, 0, 9, 2, 7};
  const std::vector<float> before = Losses(network, text);
  for (std::size_t changed = 0; changed < text.size(); ++changed) {
    std::vector<std::int64_t> other = text;
    other[changed] = 10;
    const std::vector<float> after = Losses(network, other);
    for (std::size_t t = 0; t < text.size(); ++t) {
      if (t < changed) {
        EXPECT_EQ(after[t], before[t]) << changed << " changed " << t;
      } else {
        EXPECT_NE(after[t], before[t]) << changed << " did not reach " << t;
      }
    }
  }
}

TEST(PublishedNetworks, WithoutTheMaskEveryTokenReachesEveryScore) {
  model::Layer attention = model::SelfAttention(2);
  attention.causal = false;
  const Network network =
      Network::Build({model::Embedding(8),
                      model::Residual({attention}),
                      model::Simple(model::LayerType::kTiedDense)},
                     kText);
  const std::vector<float> before = Losses(network, {1, 5, 0, 9, 2, 7});
  const std::vector<float> after = Losses(network, {1, 5, 0, 9, 2, 10});
  for (std::size_t t = 0; t < before.size(); ++t) {
    EXPECT_NE(after[t], before[t]) << t;
  }
}

}  // namespace
}  // namespace fedtorch::engine
