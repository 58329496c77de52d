#include "fedtorch/round/execution.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/engine/stacked.h"

#include <algorithm>

namespace fedtorch::round {
namespace {

constexpr std::int64_t kProcessorBytes = 2'000'000'000;

bool IsGpu(const engine::Device& device) { return device.name != "cpu"; }

}  // namespace

ExecutionOptions ExecutionOptions::Read(config::Section& runtime) {
  ExecutionOptions options;
  options.device = runtime.Text(
      {.name = "device",
       .help = "Where clients train: cpu, cuda (the first GPU), cuda:N, or "
               "auto = a GPU if one opens. Evaluation stays on the "
               "processor."},
      "auto");
  const std::string executor = runtime.Choice(
      {.name = "executor",
       .help = "Each worker trains one client to the end (client_major), or "
               "one thread trains a wave of clients step by step as one stack "
               "(stacked, meant for GPUs); auto = stacked on a GPU. Results "
               "differ in rounding only."},
      {"auto", "client_major", "stacked"},
      "auto");
  options.executor = executor == "stacked"        ? ExecutorChoice::kStacked
                     : executor == "client_major" ? ExecutorChoice::kClientMajor
                                                  : ExecutorChoice::kAuto;
  options.wave = runtime.AutoInt(
      {.name = "wave",
       .help = "Clients at once where they are stacked; auto = the cohort, as "
               "far as half of "
               "the GPU's memory (2 GB on the processor) holds it. Each has a "
               "thread.",
       .unit = "clients"},
      {.min = 1, .max = 8192});
  if (runtime.recording()) return options;
  if (options.device != "auto" && !engine::IsDeviceName(options.device)) {
    runtime.Fail("device",
                 "expected auto, cpu, cuda or cuda:N with N from 0, found '" +
                     options.device + "'");
  }
  if (options.executor == ExecutorChoice::kClientMajor &&
      options.device != "auto" && options.device != "cpu") {
    runtime.Fail(
        "executor",
        "client_major trains on the processor, but runtime.device is " +
            options.device + "; use stacked or auto");
  }
  if (options.executor == ExecutorChoice::kClientMajor && options.wave) {
    runtime.Fail("wave",
                 "client_major trains one client at a time and a worker; use "
                 "runtime.executor=stacked, or auto here");
  }
  return options;
}

Execution OpenExecution(const ExecutionOptions& options) {
  Execution execution;
  if (options.executor == ExecutorChoice::kClientMajor) {
    execution.device_reason = "runtime.executor is client_major";
    return execution;
  }
  engine::DeviceChoice choice = engine::ChooseDevice(options.device);
  execution.device = std::move(choice.device);
  execution.device_reason = std::move(choice.reason);
  return execution;
}

void ChooseExecutor(const ExecutionOptions& options,
                    const model::Network& network,
                    model::BufferPolicy policy,
                    std::int64_t cohort,
                    std::int64_t batch_size,
                    Execution* execution) {
  const std::string obstacle = engine::StackedObstacle(network, policy);
  const bool asked = options.executor == ExecutorChoice::kStacked;
  const bool gpu_asked = options.device != "auto" && IsGpu(execution->device);
  if (!obstacle.empty() && (asked || gpu_asked)) {
    throw core::ConfigError(
        (asked ? std::string("runtime.executor: stacked")
               : "runtime.device: " + options.device) +
        " cannot train this model: " + obstacle +
        "; use runtime.device=cpu with runtime.executor=client_major");
  }
  if (options.executor == ExecutorChoice::kClientMajor || asked) {
    execution->stacked = asked;
    execution->executor_reason = "runtime.executor says so";
  } else if (!IsGpu(execution->device)) {
    execution->executor_reason = "clients train on the processor";
  } else if (!obstacle.empty()) {
    execution->device_reason = execution->device.name + " is left: " + obstacle;
    execution->device = {};
    execution->executor_reason = obstacle;
  } else {
    execution->stacked = true;
    execution->executor_reason = "clients train on a GPU";
  }
  if (!execution->stacked) {
    execution->wave = 1;
    return;
  }
  const std::int64_t memory = execution->device.memory_bytes > 0
                                  ? execution->device.memory_bytes / 2
                                  : kProcessorBytes;
  const std::int64_t fitting =
      memory / engine::StackedBytes(network, batch_size);
  execution->wave = std::min(
      cohort, options.wave.value_or(std::max<std::int64_t>(1, fitting)));
}

}  // namespace fedtorch::round
