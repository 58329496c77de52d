#include "fedtorch/round/global_model.h"

#include "fedtorch/core/hash.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <cmath>
#include <functional>
#include <limits>
#include <span>

namespace fedtorch::round {
namespace {

using Range = tbb::blocked_range<std::size_t>;
constexpr std::size_t kGrain = 16384;

void Round(const std::vector<double>& values, std::span<float> rounded) {
  tbb::parallel_for(Range(0, values.size(), kGrain), [&](const Range& range) {
    for (std::size_t i = range.begin(); i < range.end(); ++i) {
      rounded[i] = static_cast<float>(values[i]);
    }
  });
}

// Beyond float32 a value is lost as well, for it cannot be sent. No early exit,
// so that the loop vectorises.
bool AllFinite(const std::vector<double>& values) {
  return tbb::parallel_reduce(
      Range(0, values.size(), kGrain),
      true,
      [&](const Range& range, bool finite) {
        for (std::size_t i = range.begin(); i < range.end(); ++i) {
          finite &= std::fabs(static_cast<float>(values[i])) <=
                    std::numeric_limits<float>::max();
        }
        return finite;
      },
      std::logical_and<>());
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
  std::vector<float> sent(parameters.size());
  SentParameters(sent);
  return sent;
}

void GlobalModel::SentParameters(std::span<float> out) const {
  Round(parameters, out);
}

std::vector<float> GlobalModel::SentBuffers() const {
  std::vector<float> sent(buffers.size());
  Round(buffers, sent);
  return sent;
}

std::string GlobalModel::Hash() const {
  return core::Sha256Hex(Bytes(SentParameters()) + Bytes(SentBuffers()) +
                         Bytes(counters));
}

bool GlobalModel::IsFinite() const {
  return AllFinite(parameters) && AllFinite(buffers);
}

}  // namespace fedtorch::round
