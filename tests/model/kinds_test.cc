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

TEST(Sequential, RefusesLayersThatDoNotFit) {
  const auto message = [](const std::string& layers) {
    try {
      Read("model:\n  name: sequential\n  layers:\n" + layers, kMnist);
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
}

}  // namespace
}  // namespace fedtorch::model
