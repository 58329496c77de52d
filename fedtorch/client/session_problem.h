#pragma once

#include "fedtorch/client/local_problem.h"
#include "fedtorch/client/local_work.h"
#include "fedtorch/core/stream.h"
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

 private:
  const data::Dataset& dataset_;
  std::vector<float> features_;
  std::vector<std::int64_t> tokens_;
  std::vector<std::int64_t> targets_;
};

/// Says which client trains, on what, and how much.
struct Task {
  std::int64_t client = 0;
  std::int64_t round = 0;                   ///< from 1
  std::span<const std::int64_t> indices{};  ///< its training samples
  std::int64_t epochs = 1;  ///< <= LocalWork::epochs; fewer for stragglers
  double lr = 0.0;
};

/// Says where the time of a client's turn went, seconds.
struct TurnSeconds {
  double batches = 0.0;  ///< ordering, gathering and normalising samples
  double steps = 0.0;    ///< in the session: steps and full gradients
};

/// Is a client's problem on real data: a session's weights, batches from the
/// dataset, and the configured local work.
///
/// Sample order comes from the stream (seed, "order", round, client), dropout
/// from (seed, "dropout", round, client), so a client's result depends on
/// nothing but its task. Threads: one, like its session.
class SessionProblem final : public LocalProblem<float> {
 public:
  SessionProblem(engine::Session& session,
                 const data::Dataset& dataset,
                 const LocalWork& work,
                 std::uint64_t seed)
      : session_(session), reader_(dataset), work_(work), seed_(seed) {}

  /// Starts a client's turn; the caller has set the session's weights.
  void Begin(const Task& task);

  std::size_t dimension() const override;
  std::int64_t samples() const override;
  std::span<float> weights() override { return session_.parameters(); }
  LocalResult Train(const Correction<float>& correction) override;
  double FullGradient(std::span<float> out) override;
  double learning_rate() const override { return task_.lr; }
  /// Where the time since `Begin` went. Cost: two clock readings a step, about
  /// 50 ns.
  const TurnSeconds& seconds() const { return seconds_; }

 private:
  engine::Session& session_;
  BatchReader reader_;
  const LocalWork& work_;
  const std::uint64_t seed_;
  Task task_;
  std::vector<std::int64_t> order_;
  TurnSeconds seconds_;
};

}  // namespace fedtorch::client
