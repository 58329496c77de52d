#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/engine/device.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/engine/step_rule.h"
#include "fedtorch/model/model.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace fedtorch::engine {

/// Describes one client of a stack: what it starts from, how it steps, and
/// where its batches come from. All memory is the host's.
template <class Real>
struct StackedClient {
  std::int64_t steps = 0;  ///< >= 0
  /// The rule of every step; `anchor` and `linear` must live until Train ends.
  StepRule<Real> rule{};
  /// [d]: the start of local training, overwritten by its end.
  std::span<Real> weights{};
  /// Gives the batch of the next step, 1 sample or more; called `steps` times.
  /// A batch is copied before the callback of any client is called again.
  std::function<Batch()> next_batch;
  /// Draws the masks of a step as BasicSession states; unused and possibly null
  /// without dropout.
  core::Stream* dropout = nullptr;
  double loss = 0.0;  ///< out: mean over all samples seen, nats; 0 without one
};

/// Describes one client whose gradient at fixed weights is wanted.
template <class Real>
struct StackedGradient {
  std::int64_t batches = 0;  ///< >= 0
  std::span<const Real> weights{};
  std::function<Batch()> next_batch;  ///< called `batches` times
  std::span<Real> out{};  ///< [d]: mean over all samples; zeros without one
  double loss = 0.0;      ///< out: mean loss of those samples, nats
};

/// Counts what a stack computed against what was asked of it.
struct StackedWork {
  std::int64_t client_steps = 0;  ///< steps that clients asked for
  std::int64_t slots = 0;         ///< sum over t of K_t, clients in step t
  std::int64_t samples = 0;       ///< samples that clients gave
  std::int64_t sample_slots = 0;  ///< the same, padded to the largest batch

  /// sum(steps) / sum_t K_t; 1 means that no finished client was computed.
  double useful_steps() const;
  /// Samples over sample slots: what short batches leave unused.
  double useful_samples() const;
  StackedWork& operator+=(const StackedWork& other);
};

/// Trains many clients together, one step of all of them at a time
/// ("step-major"): the executor for a GPU, which a single client of a small
/// model cannot fill. It is written in operators that every device has, so it
/// runs on the processor too, where it is tested.
///
/// Clients are sorted by descending step count and their parameters stacked
/// [K, d] in that order. Step t works on the first K_t rows, those of clients
/// that still have steps, so whoever has finished is outside of every
/// operation. Forward and backward are written out, layer by layer, in batched
/// products; the autograd engine, which all threads of a process share on a
/// GPU, is not involved. A rule without momentum and clipping is folded into
/// the products: W <- W - lr * X^T delta, each layer's input gradient being
/// taken with the old W first. Batches of unequal size are padded to the
/// largest of the step; padding has weight zero and means are over real
/// samples.
///
/// Results are those of one session a client, up to the rounding of sums: 1e-5
/// in float, 1e-10 in double, relative to the largest weight. For one device
/// and one set of clients they are the same bits every time.
///
/// Cost: memory of StackedBytes() a client. Host and device exchange weights
/// once a call and batches once a step; nothing else is waited for.
/// Randomness: dropout, drawn on the host from each client's own stream, so
/// that neither order nor number of the clients matters.
/// Threads: one thread at a time; PrepareThread() first.
/// Source: performance 2.3, 8.2, 9.
template <class Real>
class BasicStack {
 public:
  virtual ~BasicStack() = default;
  /// Takes all steps of all clients. The order of `clients` does not matter.
  virtual StackedWork Train(std::span<StackedClient<Real>> clients) = 0;
  /// Writes mean gradients at fixed weights; dropout is off.
  virtual StackedWork Gradients(std::span<StackedGradient<Real>> clients) = 0;
};

/// The stack of a run.
using Stack = BasicStack<float>;

/// Makes a stack on a device that OpenDevice has opened. The network must live
/// longer. Requires: StackedObstacle(network, policy) is empty.
template <class Real = float>
std::unique_ptr<BasicStack<Real>> MakeStack(const model::Network& network,
                                            const Device& device);

/// Says what keeps a network from being stacked, e.g. "layer 1.batch_norm
/// shares statistics over the batch and has no stacked form"; empty when
/// nothing does.
std::string StackedObstacle(const model::Network& network,
                            model::BufferPolicy policy);

/// Estimates the bytes of one client in a stack of float:
///   4 * (5 * d + batch_size * values),
/// five vectors (weights, gradient, momentum, anchor, linear) and, a sample,
/// three values for every output of a layer and two for every entry of an
/// unfolded window (convolutions and pools).
/// `batch_size` is that of the largest batch, samples.
std::int64_t StackedBytes(const model::Network& network,
                          std::int64_t batch_size);

}  // namespace fedtorch::engine
