#pragma once

#include "fedtorch/client/local_problem.h"
#include "fedtorch/client/session_problem.h"
#include "fedtorch/core/aligned_buffer.h"
#include "fedtorch/core/exact_sum.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/engine/stacked.h"
#include "fedtorch/round/world.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::round {

/// Says what workers did with their time, seconds.
struct WorkerSeconds {
  double batches = 0.0;    ///< gathering and normalising samples
  double steps = 0.0;      ///< training in the session
  double hand_off = 0.0;   ///< everything else about a client
  double exact_sum = 0.0;  ///< adding or storing admitted updates
};

struct ClientRecord;

/// Holds what a worker adds up over its clients.
struct Collected {
  /// Sums by name: "" = deltas, "buffers", extras of the method.
  std::map<std::string, core::ExactSum> sums;
  /// Admitted deltas that wait to be added together, as many as there are
  /// weights. All of them are deltas, or all are local models, from which the
  /// global one is still to be taken.
  std::vector<std::span<const float>> waiting;
  std::vector<double> waiting_weights;
  std::vector<ClientRecord*> waiting_records;
  bool waiting_models = false;
  /// What they lie in, one entry each, and memory to use again.
  std::vector<std::vector<float>> delta_memory;
  std::vector<core::AlignedBuffer<float>> model_memory;
  WorkerSeconds seconds;  ///< of the round at hand
};

/// Holds what one worker reuses for every client it serves.
struct Worker {
  std::unique_ptr<engine::Session> session;
  std::unique_ptr<client::ReusableProblem> problem;
  std::unique_ptr<client::BatchReader> train_reader;
  std::unique_ptr<client::BatchReader> test_reader;  ///< null without test set
  std::unique_ptr<client::BatchReader> validation_reader;  ///< likewise
  client::Update<float> update;
  std::map<std::string, std::vector<float>> state;
  Collected collected;
};

/// Returns the workers to start: `runtime.threads`, or one a core.
std::int64_t WorkerCount(const Experiment& experiment);

class StackedWorkers;

/// Runs tasks on a fixed number of workers, each with a session of its own, or
/// trains clients in waves where the run stacks them.
class Workers {
 public:
  /// Starts `count` workers (oneTBB threads). Sessions are made on first use.
  Workers(std::int64_t count, const Experiment& experiment, const World& world);
  ~Workers();

  std::int64_t count() const;
  std::vector<Worker>& all() { return workers_; }

  /// Calls `run(worker, task)` for every task in `order`, handed out one by
  /// one, so that the longest come first when the caller sorts them so. Results
  /// belong into slots by task. When tasks fail, the exception of the lowest
  /// task number is thrown after all have ended, whatever the schedule was.
  void Run(const std::vector<std::int64_t>& order,
           const std::function<void(Worker&, std::int64_t)>& run);

  /// Runs tasks that train clients through `worker.problem`: like Run, or as
  /// stacks where the run says so. A task then has a worker of its own without
  /// a session; in the end the sums are with `all()` either way.
  void Train(const std::vector<std::int64_t>& order,
             const std::function<void(Worker&, std::int64_t)>& run);
  /// What stacks computed since the last reading; all zero where none did.
  engine::StackedWork TakeStackedWork();

 private:
  class Arena;
  std::unique_ptr<Arena> arena_;
  const Experiment& experiment_;
  const World& world_;
  std::vector<Worker> workers_;
  std::unique_ptr<StackedWorkers> stacked_;  // null for client_major
};

}  // namespace fedtorch::round
