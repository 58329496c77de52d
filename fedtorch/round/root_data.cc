#include "fedtorch/round/root_data.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::round {
namespace {

const std::vector<std::int64_t> kOneTask{0};

}  // namespace

RootData::RootData(const Experiment& experiment,
                   const World& world,
                   Workers& workers,
                   const GlobalModel& model,
                   std::int64_t round,
                   double lr)
    : experiment_(experiment),
      world_(world),
      workers_(workers),
      model_(model),
      round_(round),
      lr_(lr) {}

void RootData::Load(Worker& worker, std::span<const double> update) const {
  engine::Session& session = *worker.session;
  const std::span<float> parameters = session.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i] = static_cast<float>(model_.parameters[i] +
                                       (update.empty() ? 0.0 : update[i]));
  }
  const std::vector<float> buffers = model_.SentBuffers();
  std::copy(buffers.begin(), buffers.end(), session.buffers().begin());
  std::copy(model_.counters.begin(),
            model_.counters.end(),
            session.counters().begin());
}

std::vector<double> RootData::OwnUpdate() {
  std::vector<double> update(model_.parameters.size());
  workers_.Run(kOneTask, [&](Worker& worker, std::int64_t) {
    Load(worker, {});
    const std::vector<float> start(worker.session->parameters().begin(),
                                   worker.session->parameters().end());
    client::SessionProblem problem(*worker.session,
                                   world_.corpus.train,
                                   experiment_.work,
                                   experiment_.seed);
    problem.Begin({.client = world_.num_clients(),
                   .round = round_,
                   .indices = world_.root,
                   .epochs = experiment_.work.epochs,
                   .lr = lr_});
    problem.Train({});
    const std::span<const float> end = worker.session->parameters();
    for (std::size_t i = 0; i < update.size(); ++i) {
      update[i] = static_cast<double>(end[i]) - static_cast<double>(start[i]);
    }
  });
  return update;
}

double RootData::Loss(std::span<const double> update) {
  const data::Dataset& train = world_.corpus.train;
  double sum = 0.0;
  double count = 0.0;
  workers_.Run(kOneTask, [&](Worker& worker, std::int64_t) {
    Load(worker, update);
    const auto step =
        static_cast<std::size_t>(experiment_.evaluation.batch_size);
    for (std::size_t first = 0; first < world_.root.size(); first += step) {
      const auto indices =
          std::span(world_.root)
              .subspan(first, std::min(step, world_.root.size() - first));
      const std::size_t positions =
          indices.size() * static_cast<std::size_t>(train.target_length);
      std::vector<float> losses(positions);
      std::vector<std::int64_t> predicted(positions);
      worker.session->Predict(worker.train_reader->Read(indices),
                              {.losses = losses, .predicted = predicted});
      for (const float loss : losses) sum += static_cast<double>(loss);
      count += static_cast<double>(positions);
    }
  });
  return sum / count;
}

aggregate::Matrix RootData::OutputsOnNoise(std::span<const double> update,
                                           std::int64_t count,
                                           std::uint64_t seed) {
  if (world_.input.tokens || world_.input.target_length != 1) {
    throw core::ConfigError(
        "server.aggregator: the rule looks at a model's answers to noise, "
        "which needs numeric inputs and one class a sample");
  }
  const std::int64_t classes = world_.input.num_classes;
  const auto width =
      static_cast<std::size_t>(world_.corpus.train.feature_count());
  aggregate::Matrix outputs(count, classes);
  workers_.Run(kOneTask, [&](Worker& worker, std::int64_t) {
    Load(worker, update);
    core::Stream stream = core::Stream::Named(seed, "noise_inputs");
    const std::int64_t step = experiment_.evaluation.batch_size;
    for (std::int64_t first = 0; first < count; first += step) {
      const std::int64_t size = std::min(step, count - first);
      const auto rows = static_cast<std::size_t>(size);
      std::vector<float> features(rows * width);
      for (float& value : features) {
        value = static_cast<float>(stream.Normal());
      }
      std::vector<float> losses(rows);
      std::vector<std::int64_t> predicted(rows);
      for (std::int64_t label = 0; label < classes; ++label) {
        // The loss of a class is the negative logarithm of its probability.
        const std::vector<std::int64_t> targets(rows, label);
        worker.session->Predict(
            {.size = size, .features = features, .targets = targets},
            {.losses = losses, .predicted = predicted});
        for (std::size_t i = 0; i < rows; ++i) {
          outputs(first + static_cast<std::int64_t>(i), label) =
              std::exp(-static_cast<double>(losses[i]));
        }
      }
    }
  });
  return outputs;
}

}  // namespace fedtorch::round
