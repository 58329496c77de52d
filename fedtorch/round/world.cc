#include "fedtorch/round/world.h"

#include "fedtorch/client/turn.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace fedtorch::round {
namespace {

// Feature noise belongs to a sample for good, so it is added once. Bytes
// cannot hold it: such a dataset becomes float32, already normalised.
void AddFeatureNoise(const partition::Split& split,
                     std::uint64_t seed,
                     data::Dataset* dataset) {
  if (split.feature_noise.empty()) return;
  if (dataset->type == data::FeatureType::kInt64) {
    throw core::ConfigError(
        "data.partition: feature_noise adds Gaussian noise to numbers, but "
        "the data are token ids; use another partition");
  }
  const auto width = static_cast<std::size_t>(dataset->feature_count());
  std::vector<float> values(static_cast<std::size_t>(dataset->size()) * width);
  tbb::parallel_for(std::int64_t{0}, dataset->size(), [&](std::int64_t i) {
    data::GatherFeatures(
        *dataset,
        std::span(&i, 1),
        std::span(values).subspan(static_cast<std::size_t>(i) * width, width));
  });
  tbb::parallel_for(
      std::int64_t{0}, split.shards.num_clients(), [&](std::int64_t client) {
        const double deviation =
            split.feature_noise[static_cast<std::size_t>(client)];
        if (deviation == 0.0) return;
        for (const std::int64_t i : split.shards.Of(client)) {
          core::Stream stream = core::Stream::Named(
              seed, "feature_noise", {static_cast<std::uint64_t>(i)});
          for (std::size_t j = 0; j < width; ++j) {
            values[static_cast<std::size_t>(i) * width + j] +=
                static_cast<float>(deviation * stream.Normal());
          }
        }
      });
  dataset->type = data::FeatureType::kFloat32;
  dataset->floats = std::move(values);
  dataset->bytes.clear();
  dataset->bytes.shrink_to_fit();
  dataset->scale = 1.0F;
  dataset->mean.clear();
  dataset->std.clear();
}

// Thins out classes, the first samples of each as stored staying.
void KeepClassShares(std::string_view key,
                     const std::vector<double>& shares,
                     data::Dataset* dataset) {
  if (shares.empty()) return;
  if (dataset->target_length != 1 ||
      static_cast<std::int64_t>(shares.size()) != dataset->num_classes) {
    throw core::ConfigError("data." + std::string(key) +
                            ": expected one number for each of the " +
                            std::to_string(dataset->num_classes) +
                            " classes, found " + std::to_string(shares.size()));
  }
  std::vector<std::int64_t> counts(shares.size());
  for (const std::int64_t target : dataset->targets) {
    ++counts[static_cast<std::size_t>(target)];
  }
  std::vector<std::int64_t> left(shares.size());
  for (std::size_t c = 0; c < shares.size(); ++c) {
    left[c] = std::llround(shares[c] * static_cast<double>(counts[c]));
  }
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < dataset->size(); ++i) {
    std::int64_t& room = left[static_cast<std::size_t>(
        dataset->targets[static_cast<std::size_t>(i)])];
    if (room == 0) continue;
    --room;
    kept.push_back(i);
  }
  if (kept.empty()) {
    throw core::ConfigError("data." + std::string(key) +
                            ": no sample is left; give at least one class a "
                            "larger share");
  }
  *dataset = data::Subset(*dataset, kept);
}

// Takes the server's own samples out of the training set.
void HoldBackValidation(const Experiment& experiment, World* world) {
  data::Dataset& train = world->corpus.train;
  const auto count = static_cast<std::int64_t>(
      experiment.validation_share * static_cast<double>(train.size()));
  if (count == 0) return;
  core::Stream stream =
      core::Stream::Named(experiment.partition_seed, "validation");
  std::vector<std::int64_t> held =
      stream.SampleWithoutReplacement(train.size(), count);
  std::sort(held.begin(), held.end());
  std::vector<std::int64_t> rest;
  for (std::int64_t i = 0; i < train.size(); ++i) {
    if (!std::binary_search(held.begin(), held.end(), i)) rest.push_back(i);
  }
  world->validation = data::Subset(train, held);
  train = data::Subset(train, rest);
}

// Gives adversaries that own no part of the split their clients, behind the
// honest ones: without samples, or with as many as an honest client, drawn
// from all.
void AppendAdversaries(const Experiment& experiment,
                       std::int64_t count,
                       World* world) {
  partition::ClientShards& shards = world->split.shards;
  const std::int64_t honest = shards.num_clients();
  const std::int64_t samples =
      experiment.attack.data == attack::Data::kIid
          ? static_cast<std::int64_t>(shards.indices.size()) / honest
          : 0;
  for (std::int64_t i = 0; i < count; ++i) {
    core::Stream stream = core::Stream::Named(experiment.partition_seed,
                                              "byzantine_data",
                                              {static_cast<std::uint64_t>(i)});
    std::vector<std::int64_t> drawn =
        stream.SampleWithoutReplacement(world->corpus.train.size(), samples);
    std::sort(drawn.begin(), drawn.end());
    shards.indices.insert(shards.indices.end(), drawn.begin(), drawn.end());
    shards.offsets.push_back(static_cast<std::int64_t>(shards.indices.size()));
    if (!world->split.client_names.empty()) {
      world->split.client_names.push_back("adversary " + std::to_string(i));
    }
    if (!world->split.feature_noise.empty()) {
      world->split.feature_noise.push_back(0.0);
    }
  }
}

// Refuses a defence that the cohort the config asks for could not be given to.
// Where cohorts vary, each round is judged by itself as well.
void CheckCohort(const Experiment& experiment, const World& world) {
  const std::int64_t clients = world.num_clients();
  const std::int64_t cohort = experiment.selector->uses_cohort_size()
                                  ? experiment.CohortSize(clients)
                                  : clients;
  const std::string obstacle = experiment.defence.Obstacle(
      cohort, experiment.attack.DeclaredF(cohort, clients));
  if (!obstacle.empty()) {
    throw core::ConfigError("server.aggregator: " + obstacle +
                            "; take a larger cohort, a smaller f, or another "
                            "rule");
  }
}

// Settles how clients are trained, once it is known how many samples they have.
void SetExecutor(const Experiment& experiment, World* world) {
  std::int64_t largest = 1;
  for (std::int64_t client = 0; client < world->num_clients(); ++client) {
    largest = std::max(largest, world->client_sets.train.SizeOf(client));
  }
  const std::int64_t batch = experiment.work.batch_size;
  const std::int64_t largest_batch =
      batch == 0 ? largest
                 : std::min(largest, std::max(batch, client::FullPass::kBatch));
  ChooseExecutor(experiment.execution,
                 world->network,
                 experiment.model.buffers,
                 experiment.CohortSize(world->num_clients()),
                 largest_batch,
                 &world->execution);
  if (!world->execution.stacked) return;
  engine::EngineFacts& engine = world->engine;
  engine.reason = world->execution.executor_reason +
                  "; evaluation: " + engine.name + ", since " + engine.reason;
  engine.name = "stacked";
}

}  // namespace

model::InputSpec InputOf(const data::Dataset& dataset) {
  return {.shape = dataset.shape,
          .tokens = dataset.type == data::FeatureType::kInt64,
          .num_classes = dataset.num_classes,
          .target_length = dataset.target_length};
}

World BuildWorld(const Experiment& experiment) {
  World world;
  world.execution = OpenExecution(experiment.execution);
  world.corpus = experiment.reader->Load(experiment.seed);
  KeepClassShares("class_shares", experiment.class_shares, &world.corpus.train);
  if (!experiment.test_class_shares.empty()) {
    if (!world.corpus.test) {
      throw core::ConfigError(
          "data.test_class_shares: the dataset has no central test set to "
          "thin out; remove the key or give data.dataset test samples");
    }
    KeepClassShares(
        "test_class_shares", experiment.test_class_shares, &*world.corpus.test);
  }
  HoldBackValidation(experiment, &world);
  data::Dataset& train = world.corpus.train;
  world.input = InputOf(train);
  // The model is checked before the split is drawn: it fails faster.
  world.network = experiment.model.Build(world.input);
  if (experiment.work.max_example_norm > 0.0 &&
      world.network.has_batch_norm()) {
    throw core::ConfigError(
        "client.optimizer.max_example_norm: a sample has no gradient of its "
        "own in a model with batch_norm, whose samples share statistics; use "
        "group_norm or max_gradient_norm");
  }
  world.engine = engine::ChooseEngine(
      world.network, experiment.model.buffers, experiment.engine);
  // Adversaries without a part of the split come after the honest clients.
  const attack::Options& attack = experiment.attack;
  const std::int64_t outside =
      attack.present() && attack.data != attack::Data::kOwn
          ? attack.Count(experiment.num_clients)
          : 0;
  world.split = experiment.partitioner->Partition(
      {.dataset = train,
       .num_clients =
           std::max<std::int64_t>(0, experiment.num_clients - outside),
       .min_samples = experiment.min_samples,
       .seed = experiment.partition_seed});
  if (outside > 0) AppendAdversaries(experiment, outside, &world);
  AddFeatureNoise(world.split, experiment.partition_seed, &train);
  const SplitShares& shares = experiment.client_split;
  world.client_sets = partition::SplitClients(world.split.shards,
                                              shares.train,
                                              shares.validation,
                                              shares.test,
                                              experiment.partition_seed);
  const std::int64_t clients = world.num_clients();
  if (experiment.clients_per_round && *experiment.clients_per_round > clients) {
    throw core::ConfigError(
        "federation.clients_per_round: expected at most the " +
        std::to_string(clients) + " clients that data.partition makes, found " +
        std::to_string(*experiment.clients_per_round));
  }
  SetExecutor(experiment, &world);
  const auto total = static_cast<double>(world.num_samples());
  for (std::int64_t client = 0; client < clients; ++client) {
    world.shares.push_back(
        static_cast<double>(world.client_sets.train.SizeOf(client)) / total);
  }
  CheckCohort(experiment, world);
  if (experiment.root_samples > 0) {
    if (experiment.root_samples > train.size()) {
      throw core::ConfigError("server.root_samples: expected at most the " +
                              std::to_string(train.size()) +
                              " training samples, found " +
                              std::to_string(experiment.root_samples));
    }
    core::Stream stream = core::Stream::Named(experiment.seed, "root_data");
    world.root =
        stream.SampleWithoutReplacement(train.size(), experiment.root_samples);
    std::sort(world.root.begin(), world.root.end());
  }
  return world;
}

}  // namespace fedtorch::round
