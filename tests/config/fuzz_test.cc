#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"
#include "tests/config/experiment_reader.h"

#include <gtest/gtest.h>

#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::config {
namespace {

constexpr std::array<std::string_view, 2> kConfigs = {
    R"yaml(# A whole experiment.
schema_version: 1
name: quick
seed: 1
data:
  dataset:
    name: idx
    train_images: mnist/train-images-idx3-ubyte.gz
    train_labels: "mnist/train-labels-idx1-ubyte.gz"
    class_names: [a, 'b', "c\u00e9"]
  partition: {name: dirichlet, alpha: 0.3, seed: "${seed}"}
model: {name: mlp, hidden: [200, 200]}
federation:
  num_clients: &count 100
  comm_round: 20
  clients_per_round: 10
  selection: uniform
client:
  local_epochs: 1
  batch_size: *count
  optimizer: {name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 1.0e-4}
  lr_schedule: {name: pieces, factors: [1, 0.1, 1e-3]}
algorithm: {name: fedprox, mu: 0.01}
server:
  weighting: samples
  optimizer: {name: momentum, lr: 1, nesterov: true}
  aggregator: mean
eval: {every: 5, clients: {sets: [test, train]}}
output: {dir: "runs/${name}-${env:FEDTORCH_TEST_UNSET,x}", per_client: all}
runtime: {threads: auto}
)yaml",
    R"yaml(data: {dataset: synthetic_fedprox}
model:
  name: sequential
  layers:
    - dense
    - {name: dense, units: 10}
    - name: lstm
      units: 3
federation: {num_clients: null, rounds: 5}
output:
  dir: >
    folded
    text
  per_client: none
)yaml"};

constexpr std::array<std::string_view, 40> kPieces = {
    "${",          "}",
    "$${",         "&a ",
    "*a",          "*count",
    "<<: ",        "[",
    "]",           "{",
    "}",           "!!",
    "!x ",         "---",
    "...",         "|",
    ">",           "\t",
    "\n",          "'",
    "\"",          "\\u",
    "- ",          "? ",
    ": ",          ",",
    "%",           "@",
    "#",           "~",
    "0x",          "1e9",
    "\xC3",        "\xEF\xBB\xBF",
    "\r",          ".nan",
    "name: ",      "  ",
    "${env:HOME}", "defaults: [x]\n"};

std::string Mutated(std::string text, core::Stream& stream) {
  const std::uint64_t changes = 1 + stream.Below(4);
  for (std::uint64_t i = 0; i < changes; ++i) {
    const std::size_t at = stream.Below(text.size() + 1);
    const std::size_t length = stream.Below(20);
    switch (stream.Below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(stream.Below(256));
        break;
      case 1:
        text.erase(at, 1 + length / 4);
        break;
      case 2:
        text.insert(at, kPieces[stream.Below(kPieces.size())]);
        break;
      case 3:
        text.insert(stream.Below(text.size() + 1), text.substr(at, length));
        break;
      case 4:
        text.erase(at, length);
        break;
      default:
        if (stream.Below(10) == 0) text.resize(at);
        break;
    }
  }
  return text;
}

// Reads a text to the end; anything but success and ConfigError escapes.
bool ReadsWell(const std::string& text,
               const std::vector<std::string>& overrides) {
  try {
    Document document = Document::FromText(text, "fuzz.yml", overrides);
    ReadExperiment(document.Root());
    document.ResolvedYaml();
    document.Hash();
    document.Finish();
    return true;
  } catch (const core::ConfigError& error) {
    EXPECT_FALSE(error.problems().empty());
    EXPECT_NE(std::string(error.what()), "");
    return false;
  }
}

TEST(Fuzz, ReadingEndsWithSuccessOrConfigError) {
  core::Stream stream = core::Stream::Named(5, "test/fuzz");
  int good = 0;
  for (const std::string_view config : kConfigs) {
    ASSERT_TRUE(ReadsWell(std::string(config), {}));
    for (int i = 0; i < 2000; ++i) {
      const std::string text = Mutated(std::string(config), stream);
      try {
        good += ReadsWell(text, {}) ? 1 : 0;
      } catch (const std::exception& error) {
        FAIL() << error.what() << "\n" << text;
      }
    }
  }
  EXPECT_GT(good, 100);
  EXPECT_LT(good, 5000);
}

TEST(Fuzz, OverridesEndWithSuccessOrConfigError) {
  core::Stream stream = core::Stream::Named(6, "test/fuzz");
  const std::vector<std::string> seeds = {
      "client.optimizer={name: sgd, lr: 0.1}",
      "model.layers.1.units=3",
      "+seed=4",
      "~output.dir",
      "name=${output.dir}",
      "eval.clients.sets=[a]"};
  for (int i = 0; i < 2000; ++i) {
    const std::string text = Mutated(seeds[stream.Below(seeds.size())], stream);
    try {
      ReadsWell(std::string(kConfigs[1]),
                {text, seeds[static_cast<std::size_t>(i) % seeds.size()]});
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\n" << text;
    }
  }
}

}  // namespace
}  // namespace fedtorch::config
