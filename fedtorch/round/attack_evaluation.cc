#include "fedtorch/round/attack_evaluation.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/metric/attack_success.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>

namespace fedtorch::round {
namespace {

// Widens [dark, bright] of every channel to the values that samples have.
void Widen(const data::Dataset& set,
           std::vector<float>* dark,
           std::vector<float>* bright) {
  const std::size_t channels = dark->size();
  const auto values = static_cast<std::size_t>(set.feature_count());
  std::vector<float> features(values);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    data::GatherFeatures(set, {&i, 1}, features);
    for (std::size_t k = 0; k < values; ++k) {
      const std::size_t c = k / (values / channels);
      (*dark)[c] = std::min((*dark)[c], features[k]);
      (*bright)[c] = std::max((*bright)[c], features[k]);
    }
  }
}

// Predictions of one chunk, as the attacker would have them.
struct Answers {
  std::vector<std::int64_t> predicted;
  std::vector<bool> counts;
};

}  // namespace

attack::Setting AttackSettingOf(const World& world, std::uint64_t seed) {
  const data::Dataset& train = world.corpus.train;
  attack::Setting setting;
  setting.shape = train.shape;
  setting.num_classes = train.num_classes;
  setting.tokens = world.input.tokens;
  setting.seed = seed;
  setting.train = &train;
  if (setting.tokens || train.shape.size() != 3) return setting;
  const auto channels = static_cast<std::size_t>(train.shape[0]);
  // Bytes say themselves what full and no brightness are. Noise on the clients'
  // samples leaves those of the test set as they were. Images of numbers are
  // taken to be as bright and dark as they get.
  const data::Dataset* bytes = &train;
  if (train.type != data::FeatureType::kUint8 && world.corpus.test) {
    bytes = &*world.corpus.test;
  }
  if (bytes->type == data::FeatureType::kUint8) {
    for (std::size_t c = 0; c < channels; ++c) {
      const float mean = bytes->mean.empty() ? 0.0F : bytes->mean[c];
      const float deviation = bytes->std.empty() ? 1.0F : bytes->std[c];
      setting.dark.push_back(-mean / deviation);
      setting.bright.push_back((255.0F * bytes->scale - mean) / deviation);
    }
  } else {
    setting.dark.assign(channels, std::numeric_limits<float>::max());
    setting.bright.assign(channels, std::numeric_limits<float>::lowest());
    Widen(train, &setting.dark, &setting.bright);
  }
  return setting;
}

std::vector<std::pair<std::string, double>> AttackSuccess(
    Workers& workers,
    const GlobalModel& model,
    const World& world,
    const attack::Target& target,
    std::int64_t batch_size) {
  FEDTORCH_CHECK(world.corpus.test, "there is a test set");
  const data::Dataset& test = *world.corpus.test;
  const auto length = static_cast<std::size_t>(test.target_length);
  // Samples without a single target that counts need no prediction.
  std::vector<std::int64_t> samples;
  for (std::int64_t i = 0; i < test.size(); ++i) {
    const auto labels =
        std::span(test.targets)
            .subspan(static_cast<std::size_t>(i) * length, length);
    if (std::any_of(labels.begin(), labels.end(), [&](std::int64_t label) {
          return target.Counts(label);
        })) {
      samples.push_back(i);
    }
  }
  const auto step = static_cast<std::size_t>(batch_size);
  std::vector<std::int64_t> chunks((samples.size() + step - 1) / step);
  std::iota(chunks.begin(), chunks.end(), 0);
  const auto samples_of = [&](std::int64_t chunk) {
    const std::size_t first = static_cast<std::size_t>(chunk) * step;
    return std::span<const std::int64_t>(samples).subspan(
        first, std::min(step, samples.size() - first));
  };

  std::vector<Answers> answers(chunks.size());
  const std::vector<float> parameters = model.SentParameters();
  const std::vector<float> buffers = model.SentBuffers();
  workers.Run(chunks, [&](Worker& worker, std::int64_t chunk) {
    engine::Session& session = *worker.session;
    std::copy(
        parameters.begin(), parameters.end(), session.parameters().begin());
    std::copy(buffers.begin(), buffers.end(), session.buffers().begin());
    const auto indices = samples_of(chunk);
    const engine::Batch batch = worker.test_reader->Read(indices);
    const client::TamperedBatch shown = worker.test_reader->Writable(indices);
    Answers& answer = answers[static_cast<std::size_t>(chunk)];
    const std::size_t values = shown.features.size() / indices.size();
    for (std::size_t i = 0; i < indices.size() * length; ++i) {
      const std::int64_t label = shown.targets[i];
      answer.counts.push_back(
          target.Counts(label) &&
          target.CountsSample(
              label, shown.features.subspan(i / length * values, values)));
    }
    target.Present(shown);
    std::vector<float> losses(indices.size() * length);
    answer.predicted.resize(losses.size());
    session.Predict(batch, {.losses = losses, .predicted = answer.predicted});
  });

  metric::AttackSuccess success;
  for (const std::int64_t chunk : chunks) {
    const Answers& answer = answers[static_cast<std::size_t>(chunk)];
    const auto indices = samples_of(chunk);
    for (std::size_t i = 0; i < answer.predicted.size(); ++i) {
      if (!answer.counts[i]) continue;
      const std::int64_t label =
          test.targets[static_cast<std::size_t>(indices[i / length]) * length +
                       i % length];
      success.Add(answer.predicted[i], label, target.Wanted(label));
    }
  }
  std::vector<std::pair<std::string, double>> metrics;
  if (success.count() > 0) {
    metrics.emplace_back("attack/success_rate", success.Rate());
  }
  metrics.emplace_back("attack/samples", static_cast<double>(success.count()));
  return metrics;
}

}  // namespace fedtorch::round
