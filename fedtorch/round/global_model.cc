#include "fedtorch/round/global_model.h"

#include "fedtorch/core/hash.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace fedtorch::round {
namespace {

std::vector<float> Rounded(const std::vector<double>& values) {
  std::vector<float> rounded(values.size());
  std::transform(
      values.begin(), values.end(), rounded.begin(), [](double value) {
        return static_cast<float>(value);
      });
  return rounded;
}

template <class T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

}  // namespace

GlobalModel GlobalModel::Initial(const model::Network& network,
                                 std::uint64_t seed) {
  const auto& layout = network.layout();
  GlobalModel model;
  std::vector<float> values(static_cast<std::size_t>(layout.num_parameters));
  network.InitialParameters(seed, values);
  model.parameters.assign(values.begin(), values.end());
  values.resize(static_cast<std::size_t>(layout.num_buffers));
  network.InitialBuffers(values);
  model.buffers.assign(values.begin(), values.end());
  model.counters.resize(static_cast<std::size_t>(layout.num_counters));
  network.InitialCounters(model.counters);
  return model;
}

std::vector<float> GlobalModel::SentParameters() const {
  return Rounded(parameters);
}

std::vector<float> GlobalModel::SentBuffers() const { return Rounded(buffers); }

std::string GlobalModel::Hash() const {
  return core::Sha256Hex(Bytes(SentParameters()) + Bytes(SentBuffers()) +
                         Bytes(counters));
}

bool GlobalModel::IsFinite() const {
  // Beyond float32 a value is lost as well, for it cannot be sent.
  const auto finite = [](double value) {
    return std::isfinite(static_cast<float>(value));
  };
  return std::all_of(parameters.begin(), parameters.end(), finite) &&
         std::all_of(buffers.begin(), buffers.end(), finite);
}

}  // namespace fedtorch::round
