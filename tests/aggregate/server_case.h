#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace fedtorch::aggregate {

/// Is a server whose answers a test writes down; asking for one that was not
/// written throws std::bad_function_call.
struct FakeServer final : ServerData {
  std::vector<double> own;
  std::function<double(std::span<const double>)> loss;
  std::function<Matrix(std::span<const double>, std::int64_t, std::uint64_t)>
      outputs;
  int num_losses = 0;

  std::vector<double> OwnUpdate() override { return own; }
  double Loss(std::span<const double> update) override {
    ++num_losses;
    return loss(update);
  }
  Matrix OutputsOnNoise(std::span<const double> update,
                        std::int64_t count,
                        std::uint64_t seed) override {
    return outputs(update, count, seed);
  }
};

/// Returns half the squared distance of an update to `target`.
inline std::function<double(std::span<const double>)> Bowl(
    std::vector<double> target) {
  return [target = std::move(target)](std::span<const double> update) {
    double sum = 0.0;
    for (std::size_t k = 0; k < update.size(); ++k) {
      sum += 0.5 * (update[k] - target[k]) * (update[k] - target[k]);
    }
    return sum;
  };
}

}  // namespace fedtorch::aggregate
