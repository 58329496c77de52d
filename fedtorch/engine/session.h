#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/engine/step_rule.h"
#include "fedtorch/model/model.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace fedtorch::engine {

/// Views one batch. Either `features` [size, shape...] or `tokens`
/// [size, length] is set, as the network's input says.
struct Batch {
  std::int64_t size = 0;
  std::span<const float> features{};
  std::span<const std::int64_t> tokens{};
  std::span<const std::int64_t> targets{};  ///< [size, target_length]
};

/// Receives predictions, one entry a target position.
struct Predictions {
  std::span<float> losses;            ///< nats
  std::span<std::int64_t> predicted;  ///< class of the highest score
  std::span<float> second_scores{};   ///< probability of class 1, or empty
};

/// Is the workspace of one worker: a model's values in flat buffers and the
/// means to train it. Nothing is cloned per client; a client starts by copying
/// the global model into `parameters()`.
///
/// Cost: memory for the parameters, momentum and one gradient.
/// Randomness: dropout only, from the stream that the caller passes.
/// Threads: one thread at a time; make one session a worker.
class Session {
 public:
  virtual ~Session() = default;

  virtual std::span<float> parameters() = 0;       ///< [num_parameters]
  virtual std::span<float> buffers() = 0;          ///< [num_buffers]
  virtual std::span<std::int64_t> counters() = 0;  ///< [num_counters]

  /// Sets the momentum buffer to zero (start of a client's local work).
  virtual void ResetMomentum() = 0;
  /// Takes one step on the mean loss of a batch; returns that loss in nats.
  virtual double Step(const Batch& batch,
                      const StepRule<float>& rule,
                      core::Stream& dropout) = 0;
  /// Adds scale * (gradient of the mean loss) to `out` [num_parameters].
  /// Dropout is off; batch_norm uses the batch and leaves its buffers alone.
  /// Returns the mean loss.
  virtual double AddGradient(const Batch& batch,
                             float scale,
                             std::span<float> out) = 0;
  /// Evaluates a batch; buffers are used as they are (unless the policy is
  /// batch_stats) and nothing changes.
  virtual void Predict(const Batch& batch, const Predictions& out) = 0;
};

/// Makes a session by the autograd path: forward in ATen operators, backward
/// by autograd. Parameters and buffers start at the network's initial values
/// for seed 0. Slow but general: the oracle of every faster path.
std::unique_ptr<Session> MakeAutogradSession(const model::Network& network,
                                             model::BufferPolicy policy);

/// Pins ATen, OpenMP and MKL to one thread in the calling thread. Call it once
/// in every worker before its first operation: splitting a product over
/// threads would change its bits.
void PrepareThread();

/// Names what LibTorch is made of, for manifest and `fedrun doctor`.
struct LibraryInfo {
  std::string version;         ///< e.g. "2.11.0"
  std::string configuration;   ///< several lines
  std::string cpu_capability;  ///< e.g. "AVX512"
  int intra_op_threads = 0;
  bool mkl = false;
  bool onednn = false;
};
LibraryInfo DescribeLibrary();

/// Measures one-thread single-precision matrix products of side `n` through
/// the path that training uses; returns GFLOP/s, the best of a few runs.
double MeasureSgemm(std::int64_t n);

}  // namespace fedtorch::engine
