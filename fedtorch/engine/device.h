#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fedtorch::engine {

/// Names where a stack keeps its tensors.
struct Device {
  std::string name = "cpu";          ///< "cpu", "cuda:0", "cuda:1", ...
  std::string description = "host";  ///< e.g. the product name of a GPU
  std::int64_t memory_bytes = 0;     ///< of a GPU, in all; 0 = not known
};

/// Tells whether a name is one that OpenDevice knows, be it there or not.
bool IsDeviceName(std::string_view name);

/// Opens a device: "cpu", "cuda" (the first GPU) or "cuda:N".
///
/// The part of LibTorch that knows GPUs, libtorch_cuda, is loaded here and
/// nowhere else, so a machine without a GPU needs neither it nor NVIDIA's
/// libraries. LibTorch remembers the first answer to the question whether it
/// has GPUs, so a process that may use one opens it before its first tensor.
/// Cost: a second for the first GPU of a process, nothing afterwards.
/// Throws: ConfigError that says what was looked for, what was found, and what
/// to do. Threads: one at a time.
Device OpenDevice(std::string_view name);

/// Says which device was chosen, for the manifest and `fedrun doctor`.
struct DeviceChoice {
  Device device;
  std::string reason;  ///< why this one
};

/// Opens the device that `runtime.device` names; "auto" takes the first GPU
/// that opens, else the processor, and says why.
/// Throws: ConfigError as OpenDevice, not for "auto".
DeviceChoice ChooseDevice(std::string_view name);

}  // namespace fedtorch::engine
