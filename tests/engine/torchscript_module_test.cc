#include "fedtorch/engine/torchscript_module.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/engine/session.h"
#include "tests/engine/samples.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::BufferPolicy;
using model::InputSpec;
using model::Network;
using testing::ElementsAre;
using testing::HasSubstr;

const InputSpec kColumns{.shape = {5}, .num_classes = 3};
const InputSpec kText{
    .shape = {4}, .tokens = true, .num_classes = 7, .target_length = 4};

class Torchscript : public testing::Test {
 protected:
  Torchscript() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "fedtorch-script-XXXXXX")
            .string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no folder can be made");
    }
    folder_ = pattern;
  }
  ~Torchscript() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string Save(const torch::jit::Module& module) const {
    const std::string path = (folder_ / "module.pt").string();
    module.save(path);
    return path;
  }

  // What the kind says about a file, or "no error".
  std::string Message(const torch::jit::Module& module,
                      const InputSpec& input) const {
    try {
      ReadTorchscript(Save(module), input);
    } catch (const core::ConfigError& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder_;
};

at::Tensor Drawn(std::vector<std::int64_t> shape, std::uint64_t seed) {
  core::Stream stream = core::Stream::Named(seed, "drawn");
  at::Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(0.3 * stream.Normal());
  }
  return tensor;
}

void AddParameter(torch::jit::Module* module,
                  const std::string& name,
                  at::Tensor value,
                  bool trained = true) {
  value.set_requires_grad(trained);
  module->register_parameter(name, value, false);
}

// 5 columns, 4 hidden units, 3 classes; weights lie as torch.nn.Linear has
// them. `forward` is the body of the function.
torch::jit::Module Perceptron(const std::string& forward,
                              bool statistics = false) {
  torch::jit::Module module("perceptron");
  module.register_attribute("training", c10::BoolType::get(), true);
  AddParameter(&module, "weight_1", Drawn({4, 5}, 1));
  AddParameter(&module, "bias_1", Drawn({4}, 2));
  AddParameter(&module, "weight_2", Drawn({3, 4}, 3));
  AddParameter(&module, "bias_2", Drawn({3}, 4));
  if (statistics) {
    module.register_buffer("mean", Drawn({4}, 5));
    module.register_buffer("variance", Drawn({4}, 6).abs() + 0.5);
    module.register_buffer("steps", at::full({}, 9, at::kLong));
    AddParameter(&module, "unused", Drawn({2}, 7), false);
  }
  module.define("def forward(self, x):\n" + forward);
  return module;
}

const std::string kHidden =
    "  h = torch.tanh(torch.linear(x, self.weight_1, self.bias_1))\n";
const std::string kScores =
    "  return torch.linear(h, self.weight_2, self.bias_2)\n";

Network Build(std::shared_ptr<const model::ScriptModule> script,
              const InputSpec& input,
              model::Initializer initializer = model::Initializer::kFile) {
  return Network::Build(
      {{.type = model::LayerType::kTorchscript, .script = std::move(script)}},
      input,
      initializer);
}

std::vector<float> Initial(const Network& network) {
  std::vector<float> values(static_cast<std::size_t>(network.num_parameters()));
  network.InitialParameters(1, values);
  return values;
}

TEST_F(Torchscript, StartsFromItsFileInItsOwnLayout) {
  const Network network = Build(
      ReadTorchscript(Save(Perceptron(kHidden + kScores)), kColumns), kColumns);
  EXPECT_EQ(network.num_parameters(), 20 + 4 + 12 + 3);
  const auto& entries = network.layout().parameters;
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].name, "0.torchscript.weight_1");
  EXPECT_THAT(entries[2].shape, ElementsAre(3, 4));
  EXPECT_EQ(entries[2].offset, 24);
  const std::vector<float> values = Initial(network);
  const at::Tensor weight = Drawn({3, 4}, 3);
  for (std::int64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(values[static_cast<std::size_t>(24 + i)],
              weight.const_data_ptr<float>()[i]);
  }
}

// The same network as layers, whose weights lie the other way round.
TEST_F(Torchscript, TrainsAsTheSameNetworkInLayers) {
  const Network script = Build(
      ReadTorchscript(Save(Perceptron(kHidden + kScores)), kColumns), kColumns);
  const Network layers = Network::Build({model::Dense(4),
                                         model::Simple(model::LayerType::kTanh),
                                         model::Dense(3)},
                                        kColumns);
  const auto a = MakeAutogradSession<double>(script, BufferPolicy::kAggregate);
  const auto b = MakeAutogradSession<double>(layers, BufferPolicy::kAggregate);
  const auto transposed = [&](std::span<const double> values) {
    std::vector<double> turned;
    for (const model::TensorEntry& entry : script.layout().parameters) {
      const std::int64_t rows = entry.shape.size() == 2 ? entry.shape[0] : 1;
      const std::int64_t columns = entry.shape.back();
      for (std::int64_t j = 0; j < columns; ++j) {
        for (std::int64_t i = 0; i < rows; ++i) {
          turned.push_back(
              values[static_cast<std::size_t>(entry.offset + i * columns + j)]);
        }
      }
    }
    return turned;
  };
  const std::vector<double> start = transposed(a->parameters());
  std::copy(start.begin(), start.end(), b->parameters().begin());
  const Samples samples(kColumns, 6, 1);
  core::Stream stream = core::Stream::Named(1, "dropout");
  for (const StepRule<double>& rule :
       {StepRule<double>{.lr = 0.5},
        StepRule<double>{.lr = 0.5, .momentum = 0.9, .weight_decay = 0.01},
        StepRule<double>{.lr = 0.5, .max_example_norm = 0.4}}) {
    EXPECT_NEAR(a->Step(samples.View(), rule, stream),
                b->Step(samples.View(), rule, stream),
                1e-12);
    const std::vector<double> moved = transposed(a->parameters());
    for (std::size_t i = 0; i < moved.size(); ++i) {
      EXPECT_NE(moved[i], start[i]) << i;
      EXPECT_NEAR(moved[i], b->parameters()[i], 1e-12) << i;
    }
  }
  std::vector<float> losses(6);
  std::vector<float> others(6);
  std::vector<std::int64_t> predicted(6);
  a->Predict(samples.View(), {.losses = losses, .predicted = predicted});
  b->Predict(samples.View(), {.losses = others, .predicted = predicted});
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(losses[i], others[i], 1e-6);
}

// An executor that optimises after some calls would change the last bits.
TEST_F(Torchscript, HasTheSameBitsInEveryCallAndEverySession) {
  const Network network = Build(
      ReadTorchscript(Save(Perceptron(kHidden + kScores)), kColumns), kColumns);
  const Samples samples(kColumns, 6, 1);
  std::vector<float> first;
  for (int session = 0; session < 2; ++session) {
    const auto own = MakeAutogradSession(network, BufferPolicy::kAggregate);
    for (int call = 0; call < 5; ++call) {
      std::vector<float> gradient(own->parameters().size(), 0.0F);
      own->AddGradient(samples.View(), 1.0F, gradient);
      if (first.empty()) first = gradient;
      EXPECT_EQ(gradient, first) << session << ", " << call;
    }
  }
}

TEST_F(Torchscript, SessionsDoNotShareTheirTensors) {
  const Network network = Build(
      ReadTorchscript(Save(Perceptron(kHidden + kScores)), kColumns), kColumns);
  const auto a = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const auto b = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const Samples samples(kColumns, 6, 1);
  std::vector<float> before(a->parameters().size(), 0.0F);
  a->AddGradient(samples.View(), 1.0F, before);
  core::Stream stream = core::Stream::Named(1, "dropout");
  b->Step(samples.View(), {.lr = 0.5}, stream);
  std::vector<float> after(a->parameters().size(), 0.0F);
  a->AddGradient(samples.View(), 1.0F, after);
  EXPECT_EQ(before, after);
}

TEST_F(Torchscript, KeepsDropoutOffAndStatisticsAsTheyAre) {
  const torch::jit::Module module = Perceptron(
      kHidden +
          "  h = torch.dropout(h, 0.5, self.training)\n"
          "  h = torch.batch_norm(h, None, None, self.mean, self.variance,\n"
          "                       self.training, 0.1, 1e-5, False)\n" +
          kScores,
      true);
  const Network network =
      Build(ReadTorchscript(Save(module), kColumns), kColumns);
  EXPECT_EQ(network.num_parameters(), 39);
  std::vector<std::string> names;
  for (const auto& entry : network.layout().buffers)
    names.push_back(entry.name);
  EXPECT_THAT(names,
              ElementsAre("0.torchscript.unused",
                          "0.torchscript.mean",
                          "0.torchscript.variance"));
  const auto session = MakeAutogradSession(network, BufferPolicy::kAggregate);
  const std::vector<float> buffers(session->buffers().begin(),
                                   session->buffers().end());
  EXPECT_EQ(buffers[2], Drawn({4}, 5)[0].item<float>());
  EXPECT_THAT(session->counters(), ElementsAre(9));
  const Samples samples(kColumns, 6, 1);
  std::vector<float> gradient(session->parameters().size(), 0.0F);
  session->AddGradient(samples.View(), 1.0F, gradient);
  const std::vector<float> before(session->parameters().begin(),
                                  session->parameters().end());
  core::Stream stream = core::Stream::Named(1, "dropout");
  session->Step(samples.View(), {.lr = 1.0}, stream);
  // A step in training has the gradient of evaluation: nothing was dropped.
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    EXPECT_EQ(session->parameters()[i], before[i] - gradient[i]);
  }
  EXPECT_THAT(session->buffers(), testing::ElementsAreArray(buffers));
  EXPECT_THAT(session->counters(), ElementsAre(9));

  // And a statistic that is sent is the one that is used.
  std::vector<float> moved(gradient.size(), 0.0F);
  std::copy(before.begin(), before.end(), session->parameters().begin());
  session->buffers()[2] += 1.0F;
  session->AddGradient(samples.View(), 1.0F, moved);
  EXPECT_NE(moved, gradient);
}

TEST_F(Torchscript, TakesSharedWeightsOnce) {
  torch::jit::Module module("tied");
  const at::Tensor table = Drawn({7, 3}, 1);
  AddParameter(&module, "embedding", table);
  AddParameter(&module, "output", table);
  module.define(
      "def forward(self, x):\n"
      "  h = torch.embedding(self.embedding, x)\n"
      "  return torch.matmul(h, self.output.t())\n");
  const Network script = Build(ReadTorchscript(Save(module), kText), kText);
  ASSERT_EQ(script.num_parameters(), 21);
  const Network layers = Network::Build(
      {model::Embedding(3), model::Simple(model::LayerType::kTiedDense)},
      kText);
  const auto a = MakeAutogradSession<double>(script, BufferPolicy::kAggregate);
  const auto b = MakeAutogradSession<double>(layers, BufferPolicy::kAggregate);
  std::copy(
      a->parameters().begin(), a->parameters().end(), b->parameters().begin());
  const Samples samples(kText, 5, 1);
  std::vector<double> found(21, 0.0);
  std::vector<double> expected(21, 0.0);
  a->AddGradient(samples.View(), 1.0, found);
  b->AddGradient(samples.View(), 1.0, expected);
  for (std::size_t i = 0; i < 21; ++i) {
    EXPECT_NEAR(found[i], expected[i], 1e-12);
  }
}

TEST_F(Torchscript, DrawsWeightsAnewWhereTheConfigSaysSo) {
  torch::jit::Module norm("norm");
  AddParameter(&norm, "weight", at::full({4}, 3.0));
  torch::jit::Module linear("linear");
  AddParameter(&linear, "weight", Drawn({3, 4}, 3));
  AddParameter(&linear, "bias", Drawn({3}, 4));
  torch::jit::Module module("module");
  AddParameter(&module, "first", Drawn({4, 5}, 1));
  AddParameter(&module, "scale", at::full({4}, 2.0));
  module.register_module("norm", norm);
  module.register_module("linear", linear);
  module.define(
      "def forward(self, x):\n"
      "  h = torch.linear(x, self.first) * self.scale * self.norm.weight\n"
      "  return torch.linear(h, self.linear.weight, self.linear.bias)\n");
  const auto script = ReadTorchscript(Save(module), kColumns);
  const Network glorot =
      Build(script, kColumns, model::Initializer::kGlorotUniform);
  ASSERT_EQ(glorot.num_parameters(), 20 + 4 + 4 + 12 + 3);
  const std::vector<float> drawn = Initial(glorot);
  const std::vector<float> kept = Initial(Build(script, kColumns));
  const auto part = [](const std::vector<float>& values, int from, int to) {
    return std::vector<float>(values.begin() + from, values.begin() + to);
  };
  EXPECT_NE(part(drawn, 0, 20), part(kept, 0, 20));
  for (const float value : part(drawn, 0, 20)) {
    EXPECT_LE(std::fabs(value), std::sqrt(6.0 / 9.0));
  }
  EXPECT_THAT(part(drawn, 20, 24), testing::Each(2.0F)) << "a scale stays";
  EXPECT_THAT(part(drawn, 24, 28), testing::Each(3.0F)) << "a norm stays";
  EXPECT_NE(part(drawn, 28, 40), part(kept, 28, 40));
  EXPECT_THAT(part(drawn, 40, 43), testing::Each(0.0F)) << "biases";
}

TEST_F(Torchscript, SaysWhatDoesNotFit) {
  const std::string file = (folder_ / "module.pt").string();
  // Classes and shape of the data.
  InputSpec four = kColumns;
  four.num_classes = 4;
  EXPECT_THAT(
      Message(Perceptron(kHidden + kScores), four),
      testing::AllOf(HasSubstr(file),
                     HasSubstr("float32 [1, 4] for [1, 5], found Float [1, 3]"),
                     HasSubstr("as many outputs as the data have classes, 4")));
  const InputSpec six{.shape = {6}, .num_classes = 3};
  EXPECT_THAT(Message(Perceptron(kHidden + kScores), six),
              testing::AllOf(HasSubstr(file),
                             HasSubstr("forward fails on [1, 6]"),
                             HasSubstr("shapes cannot be multiplied")));
  // A batch size that is written into the script.
  EXPECT_THAT(
      Message(Perceptron(kHidden + "  h = h.view(1, 4)\n" + kScores), kColumns),
      HasSubstr("forward fails on [3, 5]"));
  // A vocabulary that is too small.
  torch::jit::Module embedding("embedding");
  AddParameter(&embedding, "weight", Drawn({6, 7}, 1));
  embedding.define(
      "def forward(self, x):\n  return torch.embedding(self.weight, x)\n");
  EXPECT_THAT(Message(embedding, kText),
              testing::AllOf(HasSubstr("token ids below 7, [1, 4]"),
                             HasSubstr("index out of range")));
  EXPECT_THAT(Message(Perceptron(kHidden + "  return [h]\n"), kColumns),
              HasSubstr("expected forward to return one tensor"));
}

TEST_F(Torchscript, SaysWhatCannotBeTrained) {
  EXPECT_THAT(Message(Perceptron(kHidden + "  return h[:, :3]\n"), kColumns),
              HasSubstr("no gradient of weight_2"));
  torch::jit::Module constant("constant");
  AddParameter(&constant, "weight", Drawn({3, 5}, 1), false);
  constant.define(
      "def forward(self, x):\n  return torch.linear(x, self.weight)\n");
  EXPECT_THAT(Message(constant, kColumns), HasSubstr("torch.jit.freeze"));
  torch::jit::Module wide("wide");
  AddParameter(&wide, "weight", Drawn({3, 5}, 1).to(at::kDouble));
  wide.define(
      "def forward(self, x):\n"
      "  return torch.linear(x.double(), self.weight).float()\n");
  EXPECT_THAT(Message(wide, kColumns),
              testing::AllOf(HasSubstr("weight of type Double"),
                             HasSubstr("module.float()")));
}

TEST_F(Torchscript, RefusesRandomNumbers) {
  EXPECT_THAT(
      Message(
          Perceptron(kHidden + "  h = torch.dropout(h, 0.5, True)\n" + kScores),
          kColumns),
      HasSubstr("expected no random numbers in evaluation mode"));
  EXPECT_EQ(Message(Perceptron(kHidden + kScores), kColumns), "no error");
}

TEST_F(Torchscript, RefusesBuffersThatChangeInEvaluation) {
  torch::jit::Module module("counting");
  AddParameter(&module, "weight", Drawn({3, 5}, 1));
  module.register_buffer("calls", at::zeros({1}));
  module.define(
      "def forward(self, x):\n"
      "  self.calls.add_(1)\n"
      "  return torch.linear(x, self.weight)\n");
  EXPECT_THAT(Message(module, kColumns),
              HasSubstr("forward changes calls in evaluation mode"));
}

TEST_F(Torchscript, NamesAFileThatCannotBeRead) {
  const auto message = [](const std::filesystem::path& path) {
    try {
      ReadTorchscript(path, kColumns);
    } catch (const core::DataError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::filesystem::path path = folder_ / "text.pt";
  std::ofstream(path) << "weights";
  EXPECT_THAT(message(path),
              testing::AllOf(HasSubstr(path.string()),
                             HasSubstr("expected a TorchScript file")));
  EXPECT_THAT(message(folder_), HasSubstr("expected a readable file"));

  // Half of a good file.
  const std::string whole = Save(Perceptron(kHidden + kScores));
  std::filesystem::resize_file(whole, std::filesystem::file_size(whole) / 2);
  EXPECT_THAT(message(whole), HasSubstr("expected a TorchScript file"));
}

TEST_F(Torchscript, IsAKindOnceItIsUsed) {
  UseTorchscript();
  UseTorchscript();
  const auto build = [](const std::string& yaml, const InputSpec& input) {
    config::Document document = config::Document::FromText(yaml, "test.yaml");
    config::Section root = document.Root();
    const model::Options options = model::Options::Read(root);
    document.Finish();
    return options.Build(input);
  };
  const std::string file = Save(Perceptron(kHidden + kScores));
  const std::string model = "model: {name: torchscript, file: " + file;
  EXPECT_EQ(build(model + "}", kColumns).initializer(),
            model::Initializer::kFile);
  EXPECT_EQ(build(model + ", init: zeros}", kColumns).initializer(),
            model::Initializer::kZeros);
  EXPECT_THROW(build("model: {name: torchscript}", kColumns),
               core::ConfigError);
  EXPECT_THROW(build("model: {name: torchscript, file: none.pt}", kColumns),
               core::DataError);
}

// datasets/samples/bars.pt: 28x28 images, a convolution with statistics, five
// classes. The file is written by this test where FEDTORCH_UPDATE_SAMPLES is 1.
torch::jit::Module BarsModule() {
  torch::jit::Module module("bars");
  module.register_attribute("training", c10::BoolType::get(), true);
  AddParameter(&module, "filters", Drawn({6, 1, 5, 5}, 1));
  AddParameter(&module, "scale", at::ones({6}));
  AddParameter(&module, "shift", at::zeros({6}));
  AddParameter(&module, "weight", Drawn({5, 54}, 2));
  AddParameter(&module, "bias", at::zeros({5}));
  module.register_buffer("mean", at::zeros({6}));
  module.register_buffer("variance", at::ones({6}));
  module.define(
      "def forward(self, x):\n"
      "  x = torch.conv2d(x, self.filters, stride=[2, 2])\n"
      "  x = torch.batch_norm(x, self.scale, self.shift, self.mean,\n"
      "                       self.variance, self.training, 0.1, 1e-5, False)\n"
      "  x = torch.max_pool2d(torch.relu(x), [4, 4])\n"
      "  x = torch.dropout(torch.flatten(x, 1), 0.1, self.training)\n"
      "  return torch.linear(x, self.weight, self.bias)\n");
  return module;
}

TEST(TorchscriptSample, HoldsWhatThisFileWrites) {
  const std::string path = "datasets/samples/bars.pt";
  torch::jit::Module module = BarsModule();
  const char* update = std::getenv("FEDTORCH_UPDATE_SAMPLES");
  if (update != nullptr && std::string_view(update) == "1") module.save(path);
  torch::jit::Module kept = torch::jit::load(path);
  module.eval();
  kept.eval();
  const at::Tensor images = Drawn({2, 1, 28, 28}, 3);
  EXPECT_TRUE(at::equal(module.forward({images}).toTensor(),
                        kept.forward({images}).toTensor()));
}

}  // namespace
}  // namespace fedtorch::engine
