#include "fedtorch/round/evaluation.h"

#include "fedtorch/core/stream.h"
#include "fedtorch/round/attack_evaluation.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace fedtorch::round {
namespace {

// Samples to evaluate, in chunks; a chunk holds samples of one model state.
struct Chunk {
  std::span<const std::int64_t> indices;
  std::size_t first = 0;     // position of its first prediction
  std::int64_t client = -1;  // whose buffers to use, -1 = the server's
};

// Predictions of all chunks, by position.
struct Results {
  std::vector<float> losses;
  std::vector<std::int64_t> predicted;
  std::vector<float> second_scores;

  Results(std::size_t positions, bool scores)
      : losses(positions),
        predicted(positions),
        second_scores(scores ? positions : 0) {}

  engine::Predictions View(std::size_t first, std::size_t count) {
    engine::Predictions view{
        .losses = std::span(losses).subspan(first, count),
        .predicted = std::span(predicted).subspan(first, count)};
    if (!second_scores.empty()) {
      view.second_scores = std::span(second_scores).subspan(first, count);
    }
    return view;
  }
};

void Predict(Workers& workers,
             const GlobalModel& model,
             const client::StateStore& store,
             std::unique_ptr<client::BatchReader> Worker::*reader_of,
             std::int64_t target_length,
             const std::vector<Chunk>& chunks,
             Results* results) {
  const std::vector<float> parameters = model.SentParameters();
  const std::vector<float> buffers = model.SentBuffers();
  std::vector<std::int64_t> order(chunks.size());
  std::iota(order.begin(), order.end(), 0);
  workers.Run(order, [&](Worker& worker, std::int64_t task) {
    const Chunk& chunk = chunks[static_cast<std::size_t>(task)];
    engine::Session& session = *worker.session;
    std::copy(
        parameters.begin(), parameters.end(), session.parameters().begin());
    std::vector<float> own;
    if (chunk.client >= 0 && store.Read("buffers", chunk.client, &own)) {
      std::copy(own.begin(), own.end(), session.buffers().begin());
    } else {
      std::copy(buffers.begin(), buffers.end(), session.buffers().begin());
    }
    client::BatchReader& reader = *(worker.*reader_of);
    session.Predict(reader.Read(chunk.indices),
                    results->View(chunk.first,
                                  chunk.indices.size() *
                                      static_cast<std::size_t>(target_length)));
  });
}

// Cuts a list of samples into chunks and returns the position after the last.
std::size_t AppendChunks(std::span<const std::int64_t> indices,
                         std::int64_t size,
                         std::int64_t target_length,
                         std::int64_t client,
                         std::size_t first,
                         std::vector<Chunk>* chunks) {
  const auto step = static_cast<std::size_t>(size);
  for (std::size_t start = 0; start < indices.size(); start += step) {
    const auto count = std::min(step, indices.size() - start);
    chunks->push_back({indices.subspan(start, count), first, client});
    first += count * static_cast<std::size_t>(target_length);
  }
  return first;
}

void AppendSpread(const std::string& prefix,
                  const metric::Spread& spread,
                  EvaluationReport* report) {
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, double>>{
           {"mean", spread.mean},
           {"weighted_mean", spread.weighted_mean},
           {"std", spread.std},
           {"min", spread.min},
           {"p10", spread.p10},
           {"median", spread.median},
           {"p90", spread.p90},
           {"max", spread.max},
           {"worst10_mean", spread.worst10_mean}}) {
    report->metrics.emplace_back(prefix + "/" + name, value);
  }
}

}  // namespace

bool Evaluation::CentralIsDue(std::int64_t round) const {
  return experiment_.evaluation.central &&
         (world_.corpus.test || world_.validation) &&
         (round % experiment_.evaluation.every == 0 ||
          round == experiment_.rounds);
}

bool Evaluation::ClientsAreDue(std::int64_t round) const {
  const std::int64_t every = experiment_.evaluation.clients_every;
  return every > 0 && round > 0 &&
         (round % every == 0 || round == experiment_.rounds);
}

bool Evaluation::IsDue(std::int64_t round) const {
  return CentralIsDue(round) || ClientsAreDue(round);
}

EvaluationReport Evaluation::Run(std::int64_t round, const GlobalModel& model) {
  const auto start = std::chrono::steady_clock::now();
  EvaluationReport report;
  if (CentralIsDue(round)) {
    if (world_.validation) {
      Central(model,
              *world_.validation,
              &Worker::validation_reader,
              "validation",
              &report);
    }
    if (world_.corpus.test) {
      Central(
          model, *world_.corpus.test, &Worker::test_reader, "test", &report);
      const attack::Options& options = experiment_.attack;
      const attack::Target* target =
          options.present() ? options.attack->target() : nullptr;
      if (target != nullptr) {
        for (auto& metric : AttackSuccess(workers_,
                                          model,
                                          world_,
                                          *target,
                                          experiment_.evaluation.batch_size)) {
          report.metrics.push_back(std::move(metric));
        }
      }
    }
  }
  if (ClientsAreDue(round)) {
    for (const std::string& set : experiment_.evaluation.client_sets) {
      OnClients(round, model, set, &report);
    }
  }
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  report.seconds = elapsed.count();
  return report;
}

void Evaluation::Central(const GlobalModel& model,
                         const data::Dataset& test,
                         std::unique_ptr<client::BatchReader> Worker::*reader,
                         const std::string& name,
                         EvaluationReport* report) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(test.size()));
  std::iota(all.begin(), all.end(), 0);
  std::vector<Chunk> chunks;
  const std::size_t positions = AppendChunks(all,
                                             experiment_.evaluation.batch_size,
                                             test.target_length,
                                             -1,
                                             0,
                                             &chunks);
  const bool two_classes = test.num_classes == 2;
  Results results(positions, two_classes);
  Predict(
      workers_, model, store_, reader, test.target_length, chunks, &results);
  metric::Tally tally(test.num_classes);
  for (std::size_t i = 0; i < positions; ++i) {
    tally.Add(results.losses[i], results.predicted[i], test.targets[i]);
    if (two_classes) tally.AddScore(results.second_scores[i], test.targets[i]);
  }
  report->metrics.emplace_back(name + "/loss", tally.Loss());
  report->metrics.emplace_back(name + "/accuracy", tally.Accuracy());
  report->metrics.emplace_back(name + "/macro_f1", tally.MacroF1());
  if (const auto auc = tally.Auc()) {
    report->metrics.emplace_back(name + "/auc", *auc);
  }
  if (world_.input.tokens) {
    report->metrics.emplace_back(name + "/perplexity", tally.Perplexity());
  }
}

void Evaluation::OnClients(std::int64_t round,
                           const GlobalModel& model,
                           const std::string& set,
                           EvaluationReport* report) {
  const data::Dataset& train = world_.corpus.train;
  const partition::ClientShards& shards =
      set == "train"        ? world_.client_sets.train
      : set == "validation" ? world_.client_sets.validation
                            : world_.client_sets.test;
  std::vector<std::int64_t> clients(
      static_cast<std::size_t>(world_.num_clients()));
  std::iota(clients.begin(), clients.end(), 0);
  const auto& sample = experiment_.evaluation.clients_sample;
  if (sample && *sample < world_.num_clients()) {
    core::Stream stream =
        core::Stream::Named(experiment_.seed,
                            "evaluate_clients",
                            {static_cast<std::uint64_t>(round)});
    clients = stream.SampleWithoutReplacement(world_.num_clients(), *sample);
    std::sort(clients.begin(), clients.end());
  }
  // Only clients with buffers of their own need chunks of their own; all
  // others share large ones.
  const bool own_buffers =
      experiment_.model.buffers == model::BufferPolicy::kLocal &&
      world_.network.has_batch_norm();
  std::vector<std::int64_t> pooled;
  std::vector<Chunk> chunks;
  std::size_t positions = 0;
  if (own_buffers) {
    for (const std::int64_t client : clients) {
      positions = AppendChunks(shards.Of(client),
                               experiment_.evaluation.batch_size,
                               train.target_length,
                               client,
                               positions,
                               &chunks);
    }
  } else {
    for (const std::int64_t client : clients) {
      const auto indices = shards.Of(client);
      pooled.insert(pooled.end(), indices.begin(), indices.end());
    }
    positions = AppendChunks(pooled,
                             experiment_.evaluation.batch_size,
                             train.target_length,
                             -1,
                             0,
                             &chunks);
  }
  Results results(positions, false);
  Predict(workers_,
          model,
          store_,
          &Worker::train_reader,
          train.target_length,
          chunks,
          &results);

  std::vector<double> accuracies;
  std::vector<double> losses;
  std::vector<double> sizes;
  std::vector<ClientScore>& scores = report->clients[set];
  std::size_t position = 0;
  for (const std::int64_t client : clients) {
    // A client without samples in this set has no accuracy to speak of.
    if (shards.SizeOf(client) == 0) continue;
    metric::Tally tally(train.num_classes);
    for (const std::int64_t sample_index : shards.Of(client)) {
      for (std::int64_t t = 0; t < train.target_length; ++t, ++position) {
        tally.Add(results.losses[position],
                  results.predicted[position],
                  train.targets[static_cast<std::size_t>(
                      sample_index * train.target_length + t)]);
      }
    }
    scores.push_back(
        {client, shards.SizeOf(client), tally.Loss(), tally.Accuracy()});
    accuracies.push_back(tally.Accuracy());
    losses.push_back(tally.Loss());
    sizes.push_back(static_cast<double>(shards.SizeOf(client)));
  }
  report->metrics.emplace_back("clients/" + set + "/evaluated",
                               static_cast<double>(scores.size()));
  AppendSpread("clients/" + set + "/accuracy",
               metric::Summarise(accuracies, sizes),
               report);
  AppendSpread("clients/" + set + "/loss",
               metric::Summarise(losses, sizes, metric::Worst::kHighest),
               report);
}

}  // namespace fedtorch::round
