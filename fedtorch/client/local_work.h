#pragma once

#include "fedtorch/config/section.h"

#include <cstdint>
#include <optional>

namespace fedtorch::client {

/// How the learning rate of a round follows from the configured one.
struct Schedule {
  enum class Shape { kConstant, kExponential, kStep, kCosine };
  Shape shape = Shape::kConstant;
  double gamma = 1.0;      ///< factor a round (exponential) or a step
  std::int64_t every = 1;  ///< rounds between two steps
  double final = 0.0;      ///< share of the start that cosine ends at

  /// Returns the factor of round `round` (from 1) of `rounds`.
  double Factor(std::int64_t round, std::int64_t rounds) const;
  static Schedule Read(config::Section& parent);
};

/// Holds the `client` section: what each chosen client does in a round.
struct LocalWork {
  std::int64_t epochs = 1;            ///< passes over the client's samples
  std::optional<std::int64_t> steps;  ///< when set, counts instead of epochs
  std::int64_t batch_size = 32;       ///< samples; 0 = all of the client's
  /// Whether an epoch ends with a short batch; `drop` skips it unless it is
  /// the client's only one.
  bool keep_last_batch = true;
  enum class Order { kEachEpoch, kOnce, kAsStored } order = Order::kEachEpoch;
  /// Whose masks of dropout are the same: nobody's, those of all clients of a
  /// round, or those of all clients in all rounds.
  enum class Masks { kPerClient, kPerRound, kFixed } masks = Masks::kPerClient;
  double lr = 0.1;
  double momentum = 0.0;           ///< buffer starts at zero in every round
  double weight_decay = 0.0;       ///< L2, in the gradient
  double max_gradient_norm = 0.0;  ///< of a batch's mean; 0 = not clipped
  double max_example_norm = 0.0;   ///< of one example's; 0 = not clipped
  Schedule schedule;
  /// Momentum of the updates of a client from round to round, 0 = none:
  /// m <- beta m + (1 - beta) delta, or m <- beta m + delta where `sums`.
  double update_momentum = 0.0;
  bool update_momentum_sums = false;

  static LocalWork Read(config::Section& parent);
  /// Steps that a client of `samples` samples takes in `epochs` epochs (or
  /// `steps`, when set). 0 for a client without samples.
  std::int64_t StepsOf(std::int64_t samples, std::int64_t epochs) const;
};

}  // namespace fedtorch::client
