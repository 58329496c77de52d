#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/engine/device.h"
#include "fedtorch/model/model.h"
#include "fedtorch/model/network.h"

#include <cstdint>
#include <optional>
#include <string>

namespace fedtorch::round {

/// How the clients of a round are trained: one after the other to the end on
/// each worker, or many together, step by step.
enum class ExecutorChoice { kAuto, kClientMajor, kStacked };

/// Holds the keys of the `runtime` section that say where clients train.
struct ExecutionOptions {
  std::string device = "auto";  ///< auto, cpu, cuda, cuda:N
  ExecutorChoice executor = ExecutorChoice::kAuto;
  std::optional<std::int64_t> wave;  ///< clients stacked at once; unset = auto

  static ExecutionOptions Read(config::Section& runtime);
};

/// Says where and how clients train in this run, for the workers and the
/// manifest.
struct Execution {
  engine::Device device;
  std::string device_reason;
  bool stacked = false;
  std::string executor_reason;
  std::int64_t wave = 1;  ///< clients trained together; 1 unless stacked

  std::string executor() const { return stacked ? "stacked" : "client_major"; }
};

/// Opens the device that the options ask for; the rest of the result is filled
/// in by ChooseExecutor. Called before the first tensor (OpenDevice says why).
/// Throws: ConfigError when it does not open.
Execution OpenExecution(const ExecutionOptions& options);

/// Chooses executor and wave. `auto` stacks on a GPU where the network allows
/// it. An automatic wave is
///   min(cohort, max(1, floor(memory / StackedBytes(network, batch_size))))
/// with half of a GPU's memory, or 2 GB on the processor; the whole memory
/// counts, not the free part, so that equal machines choose equal waves.
/// `batch_size`: the largest batch of a client, samples.
/// Throws: ConfigError when what was asked for cannot be.
void ChooseExecutor(const ExecutionOptions& options,
                    const model::Network& network,
                    model::BufferPolicy policy,
                    std::int64_t cohort,
                    std::int64_t batch_size,
                    Execution* execution);

}  // namespace fedtorch::round
