#pragma once

#include "fedtorch/client/local_problem.h"
#include "fedtorch/client/local_work.h"
#include "fedtorch/client/tampering.h"
#include "fedtorch/client/turn.h"
#include "fedtorch/data/dataset.h"
#include "fedtorch/engine/session.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::client {

/// Gathers batches of a dataset into memory that is reused.
class BatchReader {
 public:
  explicit BatchReader(const data::Dataset& dataset) : dataset_(dataset) {}
  /// Returns a view that is valid until the next call.
  engine::Batch Read(std::span<const std::int64_t> indices);
  /// Returns the batch that was read last for an adversary to change; the view
  /// that Read gave shows the changes. Requires: the indices it was read by.
  TamperedBatch Writable(std::span<const std::int64_t> indices);

 private:
  const data::Dataset& dataset_;
  std::vector<float> features_;
  std::vector<std::int64_t> tokens_;
  std::vector<std::int64_t> targets_;
};

/// Is a client's problem on real data: a session's weights, batches from the
/// dataset, and the configured local work. A client's result depends on nothing
/// but its task (see Turn). An adversary's Task::tampering sees every batch and
/// every step. Threads: one, like its session.
class SessionProblem final : public ReusableProblem {
 public:
  SessionProblem(engine::Session& session,
                 const data::Dataset& dataset,
                 const LocalWork& work,
                 std::uint64_t seed)
      : session_(session), reader_(dataset), work_(work), seed_(seed) {}

  void Begin(const Task& task) override {
    task_ = task;
    seconds_ = {};
  }
  void StartFrom(std::span<const float> global) override {
    session_.StartFrom(global);
  }
  std::span<const float> GiveWeights(
      core::AlignedBuffer<float>* memory) override {
    return session_.GiveParameters(memory);
  }
  std::span<float> buffers() override { return session_.buffers(); }
  std::span<std::int64_t> counters() override { return session_.counters(); }

  std::size_t dimension() const override;
  std::int64_t samples() const override;
  std::span<float> weights() override { return session_.parameters(); }
  LocalResult Train(const Correction<float>& correction) override;
  double FullGradient(std::span<float> out) override;
  double learning_rate() const override { return task_.lr; }
  /// Where the time since `Begin` went. Cost: two clock readings a step, about
  /// 50 ns.
  const TurnSeconds& seconds() const override { return seconds_; }

 private:
  // Reads a batch and lets the adversary at it, where there is one.
  engine::Batch ReadTampered(std::span<const std::int64_t> indices);

  engine::Session& session_;
  BatchReader reader_;
  const LocalWork& work_;
  const std::uint64_t seed_;
  Task task_;
  TurnSeconds seconds_;
};

}  // namespace fedtorch::client
