// One round of fedavg against a plain loop of torch::nn modules and
// torch::optim, which shares no code with the engine.
#include "fedtorch/data/dataset.h"
#include "tests/support/experiments.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace fedtorch::round {
namespace {

torch::nn::Sequential MakeModel() {
  return torch::nn::Sequential(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 3, 3).padding(1)),
      torch::nn::ReLU(),
      torch::nn::MaxPool2d(2),
      torch::nn::Flatten(),
      torch::nn::Linear(27, 7),
      torch::nn::Tanh(),
      torch::nn::Linear(7, 4));
}

const char* const kModel =
    "model={name: sequential, layers: [{name: convolution, filters: 3, kernel: "
    "3, padding: 1}, relu, max_pool, flatten, {name: dense, units: 7}, tanh, "
    "dense]}";

// torch keeps a dense weight as [out, in] and a convolution as [out, in, y, x];
// ours lie as [in, out] and [y, x, in, out], and our flatten lists an image by
// row, column, channel. These two say which of torch's values is ours.
torch::Tensor ToTorch(const torch::Tensor& ours, std::int64_t index) {
  if (ours.dim() == 4) return ours.permute({3, 2, 0, 1});
  if (ours.dim() == 1) return ours;
  if (index != 2) return ours.t();
  return ours.reshape({3, 3, 3, 7}).permute({3, 2, 0, 1}).reshape({7, 27});
}
torch::Tensor FromTorch(const torch::Tensor& theirs, std::int64_t index) {
  if (theirs.dim() == 4) return theirs.permute({2, 3, 1, 0});
  if (theirs.dim() == 1) return theirs;
  if (index != 2) return theirs.t();
  return theirs.reshape({7, 3, 3, 3}).permute({2, 3, 1, 0}).reshape({27, 7});
}

void Load(const std::vector<double>& flat, torch::nn::Sequential& model) {
  const torch::NoGradGuard guard;
  torch::Tensor values = torch::tensor(flat, torch::kDouble).to(torch::kFloat);
  std::int64_t index = 0;
  std::int64_t next = 0;
  for (auto& parameter : model->parameters()) {
    const torch::Tensor shape = FromTorch(parameter, index);
    parameter.copy_(ToTorch(
        values.narrow(0, next, parameter.numel()).reshape(shape.sizes()),
        index));
    next += parameter.numel();
    ++index;
  }
  ASSERT_EQ(next, values.numel());
}

std::vector<double> Flat(torch::nn::Sequential& model) {
  std::vector<double> flat;
  std::int64_t index = 0;
  for (const auto& parameter : model->parameters()) {
    const torch::Tensor ours =
        FromTorch(parameter.detach(), index++).contiguous();
    const float* values = ours.data_ptr<float>();
    flat.insert(flat.end(), values, values + ours.numel());
  }
  return flat;
}

TEST(FedavgWitness, OneRoundEqualsAPlainTorchLoop) {
  constexpr double kLr = 0.05;
  constexpr double kMomentum = 0.5;
  constexpr double kDecay = 0.01;
  support::Federation federation(
      {kModel,
       "client.order=as_stored",
       "client.local_epochs=2",
       "client.batch_size=16",
       "client.optimizer={name: sgd, lr: 0.05, momentum: 0.5, weight_decay: "
       "0.01}"});
  const std::vector<double> start = federation.model.parameters;
  const RoundReport report = federation.rounds.Run(1, &federation.model);

  std::vector<double> expected(start.size(), 0.0);
  double total = 0.0;
  for (const ClientRecord& record : report.clients) {
    total += static_cast<double>(record.samples);
  }
  const data::Dataset& train = federation.world.corpus.train;
  for (const ClientRecord& record : report.clients) {
    torch::nn::Sequential model = MakeModel();
    Load(start, model);
    torch::optim::SGD optimizer(
        model->parameters(),
        torch::optim::SGDOptions(kLr).momentum(kMomentum).weight_decay(kDecay));
    const auto indices = federation.world.client_sets.train.Of(record.client);
    for (int epoch = 0; epoch < 2; ++epoch) {
      for (std::size_t begin = 0; begin < indices.size(); begin += 16) {
        const auto batch = indices.subspan(
            begin, std::min<std::size_t>(16, indices.size() - begin));
        const auto size = static_cast<std::int64_t>(batch.size());
        torch::Tensor x = torch::empty({size, 1, 6, 6});
        torch::Tensor y = torch::empty({size}, torch::kLong);
        for (std::int64_t i = 0; i < size; ++i) {
          const auto sample =
              static_cast<std::size_t>(batch[static_cast<std::size_t>(i)]);
          for (std::int64_t j = 0; j < 36; ++j) {
            // The definition of a batch value, pixel by pixel.
            const float pixel =
                train.bytes[sample * 36 + static_cast<std::size_t>(j)];
            x.data_ptr<float>()[i * 36 + j] =
                (pixel * train.scale - train.mean[0]) / train.std[0];
          }
          y.data_ptr<std::int64_t>()[i] = train.targets[sample];
        }
        optimizer.zero_grad();
        torch::nn::functional::cross_entropy(model->forward(x), y).backward();
        optimizer.step();
      }
    }
    const std::vector<double> local = Flat(model);
    for (std::size_t i = 0; i < local.size(); ++i) {
      expected[i] += static_cast<double>(record.samples) / total * local[i];
    }
  }
  double error = 0.0;
  double moved = 0.0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    error += std::pow(federation.model.parameters[i] - expected[i], 2);
    moved += std::pow(expected[i] - start[i], 2);
  }
  ASSERT_GT(moved, 1e-4) << "the round must have done something";
  EXPECT_LT(std::sqrt(error / moved), 1e-5);
}

}  // namespace
}  // namespace fedtorch::round
