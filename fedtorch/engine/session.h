#pragma once

#include "fedtorch/core/aligned_buffer.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/step_rule.h"
#include "fedtorch/model/model.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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
/// means to train it. Nothing is cloned per client. `Real` is float in a run
/// and double where formulas are tested to 1e-10; the code is the same.
///
/// Cost: memory for the parameters, momentum, and activations or one gradient.
/// Randomness: dropout only, from the stream that the caller passes. Masks are
/// drawn layer by layer (in a residual the body, then the shortcut), each for
/// the whole batch, images by row, column, channel, attention by head, query,
/// key: `Bits32` < rate * 2^32 drops a value.
/// Threads: one thread at a time; make one session a worker.
template <class Real>
class BasicSession {
 public:
  virtual ~BasicSession() = default;

  virtual std::span<Real> parameters() = 0;        ///< [num_parameters]
  virtual std::span<float> buffers() = 0;          ///< [num_buffers]
  virtual std::span<std::int64_t> counters() = 0;  ///< [num_counters]

  /// Sets the parameters to `global` [num_parameters], which must stay as it is
  /// until the first step or call of `parameters()`: a session may read it
  /// there and spare the copy.
  virtual void StartFrom(std::span<const Real> global) {
    std::copy(global.begin(), global.end(), parameters().begin());
  }
  /// Leaves the parameters in `memory`, which keeps them for as long as the
  /// caller likes; a session may take what memory was there in exchange. Its
  /// own parameters are then unspecified until the next StartFrom.
  /// Returns where in `memory` they lie.
  virtual std::span<const Real> GiveParameters(
      core::AlignedBuffer<Real>* memory) {
    const std::span<Real> own = parameters();
    memory->Reserve(own.size());
    std::copy(own.begin(), own.end(), memory->data());
    return memory->first(own.size());
  }

  /// Sets the momentum buffer to zero (start of a client's local work).
  virtual void ResetMomentum() = 0;
  /// Takes one step on the mean loss of a batch; returns that loss in nats.
  virtual double Step(const Batch& batch,
                      const StepRule<Real>& rule,
                      core::Stream& dropout) = 0;
  /// Adds scale * (gradient of the mean loss) to `out` [num_parameters].
  /// Dropout is off; batch_norm uses the batch and leaves its buffers alone.
  /// Returns the mean loss.
  virtual double AddGradient(const Batch& batch,
                             Real scale,
                             std::span<Real> out) = 0;
  /// Writes the L2 norm of the gradient of every example's own loss, [size];
  /// dropout is off. Not for batch_norm, whose examples share statistics.
  virtual void ExampleGradientNorms(const Batch& batch,
                                    std::span<double> out) = 0;
  /// Evaluates a batch; buffers are used as they are (unless the policy is
  /// batch_stats) and nothing changes.
  virtual void Predict(const Batch& batch, const Predictions& out) = 0;
};

/// The session of a run.
using Session = BasicSession<float>;

/// Makes a session by the autograd path: forward in ATen operators, backward
/// by autograd. Parameters and buffers start at the network's initial values
/// for seed 0. Slow but general: the oracle of every faster path.
template <class Real = float>
std::unique_ptr<BasicSession<Real>> MakeAutogradSession(
    const model::Network& network, model::BufferPolicy policy);

/// Makes a session by the plan: manual forward and backward on flat memory
/// with the step folded into the weight gradients, by the kernels of
/// `fedtorch/kernel`. Starts as the autograd session does and draws the same
/// dropout masks.
/// Requires: PlanObstacle(network, policy) is empty.
template <class Real = float>
std::unique_ptr<BasicSession<Real>> MakePlanSession(
    const model::Network& network, model::BufferPolicy policy);

/// Says what keeps a network from the plan, e.g. "layer 3.batch_norm has no
/// plan"; empty when nothing does.
std::string PlanObstacle(const model::Network& network,
                         model::BufferPolicy policy);

/// Which path trains: the plan where it can, or one of the two by name.
enum class EngineChoice { kAuto, kAutograd, kPlan };
std::string_view ToText(EngineChoice choice);

/// Says which path was chosen, for the manifest.
struct EngineFacts {
  std::string name;             ///< "plan" or "autograd"
  std::string reason;           ///< why this one
  std::string instruction_set;  ///< of the kernels in use, e.g. "AVX3"
};

/// Throws: ConfigError when `plan` is asked for and something is in its way.
EngineFacts ChooseEngine(const model::Network& network,
                         model::BufferPolicy policy,
                         EngineChoice choice);
/// Makes a session of the engine that ChooseEngine names.
std::unique_ptr<Session> MakeSession(const model::Network& network,
                                     model::BufferPolicy policy,
                                     EngineChoice choice);

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
