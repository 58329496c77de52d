#pragma once

#include "fedtorch/client/wave.h"
#include "fedtorch/engine/stacked.h"
#include "fedtorch/round/workers.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace fedtorch::round {

/// Trains clients in waves, each as one stack on the device of the run.
/// Threads: the calling one computes the stacks; a wave's client halves run on
/// light threads, as many at a time as there are lanes.
class StackedWorkers {
 public:
  /// `lanes` keep the sums of the clients: what a client adds, it adds to the
  /// sums of the lane it runs on. All references must live longer.
  StackedWorkers(const Experiment& experiment,
                 const World& world,
                 std::vector<Worker>& lanes);

  /// Does what Workers::Run does, in waves of runtime.wave clients along
  /// `order`. What a wave computes depends on `order` alone, not on lanes.
  void Run(const std::vector<std::int64_t>& order,
           const std::function<void(Worker&, std::int64_t)>& run);

  /// What the stacks did since the last reading.
  engine::StackedWork TakeWork() { return wave_.TakeWork(); }

 private:
  const Experiment& experiment_;
  const World& world_;
  std::vector<Worker>& lanes_;
  std::unique_ptr<engine::Stack> stack_;
  client::Wave wave_;
  std::vector<Worker> seats_;  // of the clients of a wave; made on first use
};

}  // namespace fedtorch::round
