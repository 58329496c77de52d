#include "fedtorch/model/network.h"

#include "fedtorch/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace fedtorch::model {
namespace {

const InputSpec kInput{.shape = {3, 8, 8}, .num_classes = 4};

std::vector<Layer> Layers() {
  return {Convolution(16, 3, 1),
          Simple(LayerType::kBatchNorm),
          Simple(LayerType::kRelu),
          MaxPool(2),
          Simple(LayerType::kFlatten),
          Dense(4)};
}

struct Sample {
  double mean = 0.0;
  double largest = 0.0;
  double deviation = 0.0;
};

Sample Measure(const Network& network, std::size_t tensor) {
  std::vector<float> values(static_cast<std::size_t>(network.num_parameters()));
  network.InitialParameters(11, values);
  const TensorEntry& entry = network.layout().parameters[tensor];
  Sample sample;
  double squares = 0.0;
  for (std::int64_t i = 0; i < entry.size; ++i) {
    const double x = values[static_cast<std::size_t>(entry.offset + i)];
    sample.mean += x;
    squares += x * x;
    sample.largest = std::max(sample.largest, std::fabs(x));
  }
  const auto count = static_cast<double>(entry.size);
  sample.mean /= count;
  sample.deviation = std::sqrt(squares / count - sample.mean * sample.mean);
  return sample;
}

TEST(Network, LaysOutSectionsWithoutGaps) {
  const Network network = Network::Build(Layers(), kInput);
  const ParameterLayout& layout = network.layout();
  std::int64_t next = 0;
  for (const TensorEntry& entry : layout.parameters) {
    EXPECT_EQ(entry.offset, next) << entry.name;
    next += entry.size;
  }
  EXPECT_EQ(next, layout.num_parameters);
  EXPECT_EQ(layout.num_parameters, 16 * 27 + 16 + 2 * 16 + 16 * 4 * 4 * 4 + 4);
  EXPECT_EQ(layout.num_buffers, 32);
  EXPECT_EQ(layout.num_counters, 1);
  EXPECT_EQ(layout.parameters[0].name, "0.convolution.weight");
  EXPECT_EQ(layout.buffers[1].name, "1.batch_norm.running_var");
}

TEST(Network, StartsNormsAtOneAndZero) {
  const Network network = Network::Build(Layers(), kInput);
  std::vector<float> values(static_cast<std::size_t>(network.num_parameters()));
  network.InitialParameters(1, values);
  const TensorEntry& scale = network.layout().parameters[2];
  EXPECT_EQ(scale.name, "1.batch_norm.weight");
  EXPECT_EQ(values[static_cast<std::size_t>(scale.offset)], 1.0F);
  std::vector<float> buffers(32);
  network.InitialBuffers(buffers);
  EXPECT_EQ(buffers[0], 0.0F);
  EXPECT_EQ(buffers[31], 1.0F);
}

// A uniform law on (-b, b) has deviation b / sqrt(3).
TEST(Network, DrawsTheStatedLaws) {
  const double fan_in = 16 * 4 * 4;
  const std::size_t dense = 4;
  const Network normal = Network::Build(Layers(), kInput);
  ASSERT_EQ(normal.layout().parameters[dense].name, "5.dense.weight");
  const double bound = 1.0 / std::sqrt(fan_in);
  EXPECT_LE(Measure(normal, dense).largest, bound);
  EXPECT_NEAR(
      Measure(normal, dense).deviation, bound / std::sqrt(3.0), 0.05 * bound);

  const Network glorot =
      Network::Build(Layers(), kInput, Initializer::kGlorotUniform);
  const double glorot_bound = std::sqrt(6.0 / (fan_in + 4));
  EXPECT_LE(Measure(glorot, dense).largest, glorot_bound);
  EXPECT_NEAR(Measure(glorot, dense).deviation,
              glorot_bound / std::sqrt(3.0),
              0.05 * glorot_bound);
  EXPECT_EQ(Measure(glorot, dense + 1).largest, 0.0);

  const Network he = Network::Build(Layers(), kInput, Initializer::kHeNormal);
  EXPECT_NEAR(Measure(he, dense).deviation,
              std::sqrt(2.0 / fan_in),
              0.1 * std::sqrt(2.0 / fan_in));
  const Network zeros = Network::Build(Layers(), kInput, Initializer::kZeros);
  EXPECT_EQ(Measure(zeros, dense).largest, 0.0);
}

TEST(Network, DrawsLookedUpRowsAndAttentionAsStated) {
  const InputSpec text{
      .shape = {40}, .tokens = true, .num_classes = 50, .target_length = 40};
  const std::vector<Layer> layers{
      Embedding(32),
      Residual({Simple(LayerType::kPositionEmbedding), SelfAttention(4)}),
      Simple(LayerType::kTiedDense)};
  const Network normal = Network::Build(layers, text);
  ASSERT_EQ(normal.layout().parameters[1].name,
            "1.residual.body.0.position_embedding.weight");
  EXPECT_NEAR(Measure(normal, 0).deviation, 1.0, 0.05);
  EXPECT_NEAR(Measure(normal, 1).deviation, 1.0, 0.05);
  ASSERT_EQ(normal.layout().parameters[2].name,
            "1.residual.body.1.self_attention.weight_qkv");
  const double bound = 1.0 / std::sqrt(32.0);
  EXPECT_LE(Measure(normal, 2).largest, bound);
  EXPECT_NEAR(
      Measure(normal, 2).deviation, bound / std::sqrt(3.0), 0.05 * bound);
  // Three square maps side by side, each drawn as if it stood alone.
  const Network glorot =
      Network::Build(layers, text, Initializer::kGlorotUniform);
  const double glorot_bound = std::sqrt(6.0 / 64.0);
  EXPECT_LE(Measure(glorot, 2).largest, glorot_bound);
  EXPECT_NEAR(Measure(glorot, 2).deviation,
              glorot_bound / std::sqrt(3.0),
              0.05 * glorot_bound);
  EXPECT_EQ(Measure(glorot, 3).largest, 0.0);
}

TEST(Network, ListsTheMasksOfDropoutDepthFirst) {
  const Network network = Network::Build(
      {Residual({Dropout(0.1), Convolution(3, 3, 1), Dropout(0.0)},
                {Dropout(0.2)}),
       Simple(LayerType::kGlobalAveragePool),
       Dropout(0.3),
       Dense(4)},
      kInput);
  const std::vector<DropoutMask>& masks = network.dropout_masks();
  ASSERT_EQ(masks.size(), 3U) << "a rate of 0 draws nothing";
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(masks[i].rate, 0.1 * static_cast<double>(i + 1));
    EXPECT_EQ(masks[i].is_image, i < 2);
  }
  EXPECT_EQ(masks[0].shape, (std::vector<std::int64_t>{8, 8, 3}));
  EXPECT_EQ(masks[2].shape, (std::vector<std::int64_t>{3}));
}

TEST(Network, DrawsOneValueForAWholeMap) {
  const Network images = Network::Build({Dropout(0.1, /*whole_maps=*/true),
                                         Simple(LayerType::kGlobalAveragePool),
                                         Dropout(0.2, /*whole_maps=*/true),
                                         Dense(4)},
                                        kInput);
  ASSERT_EQ(images.dropout_masks().size(), 2U);
  EXPECT_EQ(images.dropout_masks()[0].shape,
            (std::vector<std::int64_t>{1, 1, 3}));
  EXPECT_TRUE(images.dropout_masks()[0].is_image);
  EXPECT_EQ(images.dropout_masks()[1].shape, (std::vector<std::int64_t>{3}));
  const Network series =
      Network::Build({Dropout(0.1, /*whole_maps=*/true), Dense(4)},
                     {.shape = {6, 5}, .num_classes = 4, .target_length = 6});
  EXPECT_EQ(series.dropout_masks()[0].shape, (std::vector<std::int64_t>{1, 5}));
}

// The rows of a report add up to the whole, and each residual counts once.
TEST(Network, ReportsTheLayersOfAResidualOnce) {
  const Network network = Network::Build(
      {Residual({Convolution(5, 3, 1, 2)}, {Convolution(5, 1, 0, 2)}),
       Simple(LayerType::kGlobalAveragePool),
       Dense(4)},
      kInput);
  std::int64_t parameters = 0;
  std::vector<std::string> names;
  for (const LayerReport& row : network.report()) {
    parameters += row.parameters;
    names.push_back(row.name);
  }
  EXPECT_EQ(parameters, network.num_parameters());
  EXPECT_EQ(names,
            (std::vector<std::string>{"0.residual",
                                      "0.residual.body.0.convolution",
                                      "0.residual.shortcut.0.convolution",
                                      "1.global_average_pool",
                                      "2.dense"}));
  EXPECT_EQ(network.report()[0].output, (std::vector<std::int64_t>{5, 4, 4}));
  EXPECT_EQ(network.macs(), 16 * 5 * 3 * 9 + 16 * 5 * 3 + 5 * 4);
}

TEST(Network, DependsOnTheSeedAndNothingElse) {
  const Network network = Network::Build(Layers(), kInput);
  const auto size = static_cast<std::size_t>(network.num_parameters());
  std::vector<float> first(size);
  std::vector<float> second(size);
  network.InitialParameters(1, first);
  network.InitialParameters(1, second);
  EXPECT_EQ(first, second);
  network.InitialParameters(2, second);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace fedtorch::model
