#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace fedtorch::model {
namespace {

Network Read(const std::string& yaml, const InputSpec& input) {
  config::Document document = config::Document::FromText(yaml, "test.yaml");
  config::Section root = document.Root();
  const Options options = Options::Read(root);
  document.Finish();
  return options.Build(input);
}

const InputSpec kMnist{.shape = {1, 28, 28}, .num_classes = 10};
const InputSpec kFemnist{.shape = {1, 28, 28}, .num_classes = 62};
const InputSpec kCifar{.shape = {3, 32, 32}, .num_classes = 10};

struct Published {
  std::string config;
  InputSpec input;
  std::int64_t parameters;
  double million_macs;       // as printed in the table
  double digits;             // half a unit of its last digit
  double train_mflop = 0.0;  // 0 = not printed
};

// performance 7.2; the parameter counts are those of the named sources.
std::vector<Published> Table() {
  const std::string celeba =
      "model:\n  name: sequential\n  layers:\n"
      "    - {name: convolution, filters: 32, kernel: 3, padding: 1}\n"
      "    - {name: max_pool, kernel: 2, ceiling: true}\n"
      "    - {name: relu}\n"
      "    - {name: convolution, filters: 32, kernel: 3, padding: 1}\n"
      "    - {name: max_pool, kernel: 2, ceiling: true}\n"
      "    - {name: relu}\n"
      "    - {name: convolution, filters: 32, kernel: 3, padding: 1}\n"
      "    - {name: max_pool, kernel: 2, ceiling: true}\n"
      "    - {name: relu}\n"
      "    - {name: convolution, filters: 32, kernel: 3, padding: 1}\n"
      "    - {name: max_pool, kernel: 2, ceiling: true}\n"
      "    - {name: relu}\n"
      "    - {name: flatten}\n"
      "    - {name: dense}\n";
  const std::string next_word =
      "model:\n  name: sequential\n  layers:\n"
      "    - {name: embedding, size: 96}\n"
      "    - {name: lstm, units: 670}\n"
      "    - {name: dense, units: 96}\n"
      "    - {name: dense}\n";
  const auto text =
      [](std::int64_t vocabulary, std::int64_t length, std::int64_t targets) {
        return InputSpec{.shape = {length},
                         .tokens = true,
                         .num_classes = vocabulary,
                         .target_length = targets};
      };
  return {
      {"model: logistic", kMnist, 7850, 0.0078, 0.00005, 0.031},
      {"model: logistic", kFemnist, 48670, 0.049, 0.0005, 0.194},
      {"model: mlp", kMnist, 199210, 0.199, 0.0005, 0.879},
      {"model: mlp", kFemnist, 209662, 0.209, 0.0005, 0.942},
      {"model: cnn_mcmahan", kMnist, 1663370, 12.27, 0.005, 72.4},
      {"model: cnn_femnist", kFemnist, 6603710, 17.21, 0.005, 102.0},
      {"model: {name: cnn_femnist, variant: adaptive}",
       kFemnist,
       1206590,
       12.00,
       0.005,
       71.6},
      {"model: cnn_pfl_cifar", kCifar, 1626442, 16.84, 0.005, 99.5},
      {"model: lenet5", kMnist, 61706, 0.417, 0.0005, 2.26},
      {"model: lenet5", kCifar, 62006, 0.652, 0.0005, 3.21},
      {celeba,
       {.shape = {3, 84, 84}, .num_classes = 2},
       30946,
       27.5,
       0.05,
       153.0},
      {"model: char_lstm", text(90, 80, 80), 820522, 65.4, 0.05, 392.5},
      {"model: char_lstm", text(80, 80, 1), 817872, 63.6, 0.05, 381.5},
      {next_word, text(10004, 20, 20), 4050748, 61.6, 0.05, 369.0},
      {"model: resnet18", kCifar, 11173962, 555.4, 0.05},
  };
}

TEST(Kinds, CountParametersAndMacsAsPublished) {
  for (const Published& row : Table()) {
    SCOPED_TRACE(row.config);
    const Network network = Read(row.config, row.input);
    EXPECT_EQ(network.num_parameters(), row.parameters);
    EXPECT_NEAR(static_cast<double>(network.macs()) * 1e-6,
                row.million_macs,
                row.digits);
    if (row.train_mflop > 0.0) {
      EXPECT_NEAR(static_cast<double>(network.train_flops()) * 1e-6,
                  row.train_mflop,
                  0.012 * row.train_mflop);
    }
  }
}

// Vaswani 2017 counted by hand: each layer has four square maps of attention,
// two dense layers and two norms; the output shares the embedding.
TEST(Kinds, TransformerHasTheParametersOfItsFormula) {
  const auto formula = [](std::int64_t words,
                          std::int64_t layers,
                          std::int64_t e,
                          std::int64_t hidden) {
    return words * e + layers * (4 * (e * e + e) + (e * hidden + hidden) +
                                 (hidden * e + e) + 4 * e);
  };
  const auto text = [](std::int64_t words, std::int64_t targets) {
    return InputSpec{.shape = {20},
                     .tokens = true,
                     .num_classes = words,
                     .target_length = targets};
  };
  const Network published = Read("model: transformer", text(10000, 20));
  EXPECT_EQ(published.num_parameters(), formula(10000, 3, 96, 1536));
  EXPECT_EQ(published.num_parameters(), 1962528);
  // The maps of each layer act on 20 positions, both products of attention
  // take 20 * 20 * 96, and the output 20 * 96 * 10000.
  EXPECT_EQ(published.macs(),
            3 * (20 * (4 * 96 * 96 + 2 * 96 * 1536) + 2 * 20 * 20 * 96) +
                20 * 96 * 10000);
  const std::string small =
      "layers: 1, heads: 4, embedding: 8, feed_forward: 5";
  EXPECT_EQ(Read("model: {name: transformer, " + small + "}", text(30, 1))
                .num_parameters(),
            formula(30, 1, 8, 5));
  EXPECT_EQ(
      Read("model: {name: transformer, positions: learned, " + small + "}",
           text(30, 20))
          .num_parameters(),
      formula(30, 1, 8, 5) + 20 * 8);
}

TEST(Kinds, RefuseSizesThatDoNotDivide) {
  const auto message = [](const std::string& model, const InputSpec& input) {
    try {
      Read("model: " + model, input);
    } catch (const core::ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const InputSpec text{
      .shape = {5}, .tokens = true, .num_classes = 9, .target_length = 5};
  EXPECT_THAT(message("{name: transformer, embedding: 10, heads: 4}", text),
              ::testing::HasSubstr("expected a divisor of embedding = 10"));
  EXPECT_THAT(message("{name: resnet18, groups: 3}", kCifar),
              ::testing::HasSubstr("expected a divisor of filters = 64"));
  EXPECT_THAT(message("transformer", kMnist),
              ::testing::HasSubstr("layer 0.embedding needs token ids"));
  EXPECT_THAT(message("resnet18", text),
              ::testing::HasSubstr("layer 0.convolution needs images"));
}

TEST(Kinds, AreNamedLikeTheirFilesAndCiteASource) {
  const auto stems = KindFileStems();
  ASSERT_EQ(stems.size(), Kinds().size());
  for (std::size_t i = 0; i < stems.size(); ++i) {
    EXPECT_EQ(Kinds()[i]->name, stems[i]);
    EXPECT_FALSE(Kinds()[i]->summary.empty());
    EXPECT_FALSE(Kinds()[i]->source.empty());
  }
}

TEST(Kinds, TheCifarModelStartsWithGlorotUniformUnlessToldOtherwise) {
  EXPECT_EQ(Read("model: cnn_pfl_cifar", kCifar).initializer(),
            Initializer::kGlorotUniform);
  EXPECT_EQ(
      Read("model: {name: cnn_pfl_cifar, init: default}", kCifar).initializer(),
      Initializer::kDefault);
}

TEST(Sequential, BuildsWhatItListsAndFillsInTheClasses) {
  const Network network = Read(
      "model:\n  name: sequential\n  layers:\n    - flatten\n"
      "    - {name: dense, units: 5}\n    - tanh\n    - dense\n",
      kMnist);
  EXPECT_EQ(network.num_parameters(), 784 * 5 + 5 + 5 * 10 + 10);
}

TEST(Sequential, ReadsTheLayersOfAResidual) {
  const Network network = Read(
      "model:\n  name: sequential\n  layers:\n"
      "    - {name: convolution, filters: 4, kernel: 3}\n"
      "    - name: residual\n"
      "      layers:\n"
      "        - {name: convolution, filters: 6, kernel: 3, stride: 2, "
      "padding: 1, bias: false}\n"
      "        - {name: group_norm, groups: 3}\n"
      "      shortcut:\n"
      "        - {name: convolution, filters: 6, kernel: 1, stride: 2}\n"
      "    - {name: global_average_pool}\n"
      "    - name: residual\n"
      "      layers: [gelu, {name: dense, units: 6}]\n"
      "    - {name: layer_norm}\n"
      "    - name: residual\n"
      "      layers: [dense]\n"
      "      shortcut: [dense]\n",
      kMnist);
  EXPECT_EQ(network.num_parameters(),
            (9 * 4 + 4) + (9 * 4 * 6 + 12) + (4 * 6 + 6) + (6 * 6 + 6) + 12 +
                2 * (6 * 10 + 10));
  std::vector<std::string> names;
  for (const TensorEntry& entry : network.layout().parameters) {
    names.push_back(entry.name);
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre("0.convolution.weight",
                                     "0.convolution.bias",
                                     "1.residual.body.0.convolution.weight",
                                     "1.residual.body.1.group_norm.weight",
                                     "1.residual.body.1.group_norm.bias",
                                     "1.residual.shortcut.0.convolution.weight",
                                     "1.residual.shortcut.0.convolution.bias",
                                     "3.residual.body.1.dense.weight",
                                     "3.residual.body.1.dense.bias",
                                     "4.layer_norm.weight",
                                     "4.layer_norm.bias",
                                     "5.residual.body.0.dense.weight",
                                     "5.residual.body.0.dense.bias",
                                     "5.residual.shortcut.0.dense.weight",
                                     "5.residual.shortcut.0.dense.bias"));
}

TEST(Sequential, ReadsAttention) {
  const InputSpec text{.shape = {7}, .tokens = true, .num_classes = 9};
  const Network network = Read(
      "model:\n  name: sequential\n  layers:\n"
      "    - {name: embedding, size: 6}\n"
      "    - {name: position_embedding}\n"
      "    - {name: position_encoding}\n"
      "    - {name: self_attention, heads: 3, causal: false, dropout: 0.1}\n"
      "    - {name: last_position}\n"
      "    - {name: tied_dense}\n",
      text);
  EXPECT_EQ(network.num_parameters(), 9 * 6 + 7 * 6 + 4 * 6 * 6 + 4 * 6);
  EXPECT_FALSE(network.layers()[3].causal);
  ASSERT_EQ(network.dropout_masks().size(), 1U);
  EXPECT_THAT(network.dropout_masks()[0].shape,
              ::testing::ElementsAre(3, 7, 7));
}

TEST(Sequential, RefusesLayersThatDoNotFit) {
  const auto message = [](const std::string& layers,
                          const InputSpec& input = kMnist) {
    try {
      Read("model:\n  name: sequential\n  layers:\n" + layers, input);
    } catch (const core::ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("    - {name: dense}\n"),
              ::testing::HasSubstr("layer 0.dense needs"));
  EXPECT_THAT(message("    - {name: flatten}\n    - {name: dense, units: 3}\n"),
              ::testing::HasSubstr("one score per class, [10]"));
  EXPECT_THAT(message("    - {name: lstm, units: 3}\n"),
              ::testing::HasSubstr("embedding"));
  EXPECT_THAT(message("    - {name: convolution, filters: 2, kernel: 29}\n"),
              ::testing::HasSubstr("29 x 29"));
  EXPECT_THAT(message("    - {name: denze}\n"),
              ::testing::HasSubstr("did you mean 'dense'"));

  const auto residual = [](const std::string& body,
                           const std::string& shortcut) {
    return "    - {name: residual, layers: [" + body + "], shortcut: [" +
           shortcut + "]}\n";
  };
  const std::string wide = "{name: convolution, filters: 5, kernel: 1}";
  const std::string valid = "{name: convolution, filters: 5, kernel: 3}";
  EXPECT_THAT(message(residual(wide, "")),
              ::testing::AllOf(
                  ::testing::HasSubstr("layer 0.residual adds"),
                  ::testing::HasSubstr("[5, 28, 28] to its input [1, 28, 28]"),
                  ::testing::HasSubstr("give it a shortcut")));
  EXPECT_THAT(
      message(residual(valid, wide)),
      ::testing::HasSubstr("[5, 26, 26] to its shortcut's [5, 28, 28]"));
  EXPECT_THAT(message(residual("{name: dense, units: 3}", "")),
              ::testing::HasSubstr("layer 0.residual.body.0.dense needs"));
  EXPECT_THAT(message(residual("", "")),
              ::testing::HasSubstr("at least one layer"));
  EXPECT_THAT(message(residual("{name: residual}", "")),
              ::testing::HasSubstr("residual"));
  EXPECT_THAT(message("    - {name: global_average_pool}\n"
                      "    - {name: tied_dense}\n"),
              ::testing::HasSubstr("an embedding layer before it"));
  EXPECT_THAT(message("    - {name: layer_norm}\n"),
              ::testing::HasSubstr("columns [features] or sequences"));
  EXPECT_THAT(message("    - {name: self_attention}\n"),
              ::testing::HasSubstr("put an embedding layer before it"));

  const InputSpec text{.shape = {7}, .tokens = true, .num_classes = 9};
  const std::string embedding = "    - {name: embedding, size: 6}\n";
  EXPECT_THAT(
      message(embedding + "    - {name: self_attention, heads: 4}\n", text),
      ::testing::HasSubstr("a multiple of heads = 4"));
  EXPECT_THAT(message(embedding + "    - {name: dense, units: 5}\n"
                                  "    - {name: tied_dense}\n",
                      text),
              ::testing::HasSubstr("as the embedding, 6, but gets [7, 5]"));
  EXPECT_THAT(message(embedding + "    - {name: global_average_pool}\n", text),
              ::testing::HasSubstr("images [channels, h, w]"));
}

}  // namespace
}  // namespace fedtorch::model
