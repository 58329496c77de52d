#include "fedtorch/round/saved_state.h"

#include "fedtorch/core/errors.h"

#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace fedtorch::round {
namespace {

constexpr std::string_view kMethodPrefix = "method/";
constexpr std::string_view kOptimizerPrefix = "optimizer/";
constexpr std::string_view kDefencePrefix = "defence/";
constexpr std::string_view kAttackPrefix = "attack/";

void AddState(const server::State& state,
              std::string_view prefix,
              record::Checkpoint* checkpoint) {
  for (const auto& [name, values] : state) {
    checkpoint->doubles[std::string(prefix) + name] = values;
  }
}

server::State TakeState(const record::Checkpoint& checkpoint,
                        std::string_view prefix) {
  server::State state;
  for (const auto& [name, values] : checkpoint.doubles) {
    if (name.rfind(prefix, 0) == 0) {
      state[name.substr(prefix.size())] = values;
    }
  }
  return state;
}

template <class T>
core::NpyArray Array(const std::string& dtype,
                     const std::vector<std::int64_t>& shape,
                     std::span<const T> values) {
  core::NpyArray array;
  array.dtype = dtype;
  array.shape = shape;
  const auto bytes = std::as_bytes(values);
  array.data.assign(bytes.begin(), bytes.end());
  return array;
}

template <class T>
std::vector<T> Take(const std::map<std::string, std::vector<T>>& vectors,
                    const std::string& name,
                    std::size_t size) {
  const auto found = vectors.find(name);
  if (found == vectors.end() || found->second.size() != size) {
    throw core::RunError("checkpoint: expected " + std::to_string(size) +
                         " values of " + name + ", found " +
                         (found == vectors.end()
                              ? "none"
                              : std::to_string(found->second.size())) +
                         "; the model differs from the one that was saved");
  }
  return found->second;
}

}  // namespace

void SaveState(record::CheckpointFolder& folder,
               std::int64_t round,
               const std::string& config_hash,
               const Experiment& experiment,
               const World& world,
               const GlobalModel& model,
               const client::StateStore& store) {
  record::Checkpoint checkpoint;
  checkpoint.round = round;
  checkpoint.config_hash = config_hash;
  checkpoint.doubles["model"] = model.parameters;
  checkpoint.doubles["buffers"] = model.buffers;
  checkpoint.ints["counters"] = model.counters;
  AddState(experiment.method->SaveState(), kMethodPrefix, &checkpoint);
  AddState(experiment.optimizer->SaveState(), kOptimizerPrefix, &checkpoint);
  AddState(experiment.defence.SaveState(), kDefencePrefix, &checkpoint);
  AddState(experiment.attack.attack->SaveState(), kAttackPrefix, &checkpoint);
  if (!model.last_update.empty()) {
    checkpoint.doubles["last_update"] = model.last_update;
  }
  folder.Save(checkpoint,
              ModelArraysOf(world.network, model),
              [&store](record::ClientStateSink& sink) {
                store.Visit([&sink](const std::string& name,
                                    std::int64_t client,
                                    std::span<const float> values) {
                  sink.Write(client, name, std::as_bytes(values));
                });
              });
}

void RestoreState(const record::LoadedCheckpoint& checkpoint,
                  Experiment& experiment,
                  GlobalModel* model,
                  client::StateStore& store) {
  const record::Checkpoint& state = checkpoint.state();
  model->parameters = Take(state.doubles, "model", model->parameters.size());
  model->buffers = Take(state.doubles, "buffers", model->buffers.size());
  model->counters = Take(state.ints, "counters", model->counters.size());
  experiment.method->LoadState(TakeState(state, kMethodPrefix));
  experiment.optimizer->LoadState(TakeState(state, kOptimizerPrefix));
  experiment.defence.LoadState(TakeState(state, kDefencePrefix));
  experiment.attack.attack->LoadState(TakeState(state, kAttackPrefix));
  const auto last = state.doubles.find("last_update");
  model->last_update =
      last == state.doubles.end() ? std::vector<double>{} : last->second;
  checkpoint.VisitClients([&store](std::int64_t client,
                                   const std::string& name,
                                   std::span<const std::byte> bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    store.Write(name, client, values);
  });
}

record::ModelArrays ModelArraysOf(const model::Network& network,
                                  const GlobalModel& model) {
  const auto& layout = network.layout();
  const std::vector<float> parameters = model.SentParameters();
  const std::vector<float> buffers = model.SentBuffers();
  record::ModelArrays arrays;
  const auto append =
      [&arrays](const auto& entries, const std::string& dtype, auto values) {
        for (const model::TensorEntry& entry : entries) {
          arrays.emplace_back(
              entry.name,
              Array(dtype,
                    entry.shape,
                    values.subspan(static_cast<std::size_t>(entry.offset),
                                   static_cast<std::size_t>(entry.size))));
        }
      };
  append(layout.parameters, "<f4", std::span<const float>(parameters));
  append(layout.buffers, "<f4", std::span<const float>(buffers));
  append(layout.counters, "<i8", std::span<const std::int64_t>(model.counters));
  return arrays;
}

}  // namespace fedtorch::round
