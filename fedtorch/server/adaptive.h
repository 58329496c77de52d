#pragma once

#include "fedtorch/core/errors.h"
#include "fedtorch/server/optimizer.h"
#include "fedtorch/server/saved_state.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

namespace fedtorch::server {

/// Holds what adagrad, adam and yogi have in common.
struct AdaptiveOptions {
  double lr = 0.1;         ///< eta, > 0
  double beta1 = 0.9;      ///< decay of the mean, in [0, 1)
  double tau = 1e-3;       ///< added to the root, >= 0
  double initial_v = 0.0;  ///< v_{-1}, >= 0
  /// Divides m by 1 - beta1^t and v by 1 - beta2^t (Kingma and Ba 2015).
  bool bias_correction = false;
  double beta2 = 0.0;  ///< read by the correction only
};

/// Says what differs between the kinds: their names and defaults.
struct AdaptiveDefaults {
  double lr = 0.1;
  double beta1 = 0.9;
  /// The kind has a decay of v, and so beta2 and bias_correction.
  bool decays = true;
};

/// Reads lr, beta1, tau, v0 and, where v decays, beta2 and bias_correction.
AdaptiveOptions ReadAdaptive(config::Section& section,
                             const AdaptiveDefaults& defaults);

/// Steps x <- x + lr m / (sqrt(v) + tau), m = beta1 m + (1 - beta1) delta.
/// `Rule` returns the next v of a coordinate from v and delta^2.
///
/// A coordinate whose denominator is 0 (tau = 0 and nothing seen yet) is left
/// where it is. Cost: 16 bytes a coordinate. Threads: parallel inside, each
/// coordinate on its own.
/// Source: Reddi et al. 2021, algorithm 2.
template <class Rule>
class Adaptive final : public Optimizer {
 public:
  Adaptive(std::string_view name, const AdaptiveOptions& options, Rule rule)
      : name_(name), options_(options), rule_(rule) {}

  void Step(std::span<double> model, std::span<const double> delta) override {
    if (mean_.empty()) {
      mean_.assign(model.size(), 0.0);
      second_.assign(model.size(), options_.initial_v);
    }
    FEDTORCH_CHECK(model.size() == mean_.size() && delta.size() == mean_.size(),
                   "the model changed its size");
    steps_ += 1.0;
    double mean_scale = 1.0;
    double second_scale = 1.0;
    if (options_.bias_correction) {
      mean_scale = 1.0 / (1.0 - std::pow(options_.beta1, steps_));
      second_scale = 1.0 / (1.0 - std::pow(options_.beta2, steps_));
    }
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, model.size(), 4096),
        [&](const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t i = range.begin(); i < range.end(); ++i) {
            mean_[i] =
                options_.beta1 * mean_[i] + (1.0 - options_.beta1) * delta[i];
            second_[i] = rule_(second_[i], delta[i] * delta[i]);
            const double root =
                std::sqrt(second_scale * second_[i]) + options_.tau;
            if (root > 0.0) {
              model[i] += options_.lr * (mean_scale * mean_[i]) / root;
            }
          }
        });
  }

  State SaveState() const override {
    return {{"m", mean_}, {"v", second_}, {"steps", {steps_}}};
  }

  void LoadState(const State& state) override {
    RequireNames(state, name_, {"m", "steps", "v"});
    RequireSize(state, name_, "m", mean_.size());
    const std::vector<double>& mean = state.at("m");
    const std::vector<double>& second = state.at("v");
    if (second.size() != mean.size()) {
      RequireSize(state, name_, "v", mean.size());
    }
    steps_ = RequireCount(state, name_, "steps");
    mean_ = mean;
    second_ = second;
  }

 private:
  std::string_view name_;
  AdaptiveOptions options_;
  Rule rule_;
  std::vector<double> mean_;    // m
  std::vector<double> second_;  // v
  double steps_ = 0.0;          // whole
};

}  // namespace fedtorch::server
