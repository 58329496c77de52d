#include "fedtorch/engine/device.h"

#include "fedtorch/core/errors.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <link.h>

#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace fedtorch::engine {
namespace {

constexpr std::string_view kCuda = "cuda";

constexpr const char* kAdvice =
    "; use runtime.device=cpu, or auto to take a GPU where there is one";

// What the driver says; it is asked without LibTorch, which is loaded only
// when there is something to load it for.
struct Gpus {
  std::vector<Device> devices;
  std::string problem;  // why there is none
};

// Finds a function of an opened library.
template <class Function>
Function* Symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

Gpus AskDriver() {
  Gpus gpus;
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (driver == nullptr) {
    gpus.problem = "no NVIDIA driver was found (libcuda.so.1)";
    return gpus;
  }
  const auto init = Symbol<int(unsigned)>(driver, "cuInit");
  const auto count_of = Symbol<int(int*)>(driver, "cuDeviceGetCount");
  const auto get = Symbol<int(int*, int)>(driver, "cuDeviceGet");
  const auto name_of = Symbol<int(char*, int, int)>(driver, "cuDeviceGetName");
  const auto memory_of =
      Symbol<int(std::size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  if (init == nullptr || count_of == nullptr || get == nullptr ||
      name_of == nullptr || memory_of == nullptr) {
    gpus.problem = "the NVIDIA driver (libcuda.so.1) lacks a function";
    return gpus;
  }
  int count = 0;
  int status = init(0);
  if (status == 0) status = count_of(&count);
  if (status != 0 || count == 0) {
    gpus.problem = "the NVIDIA driver finds no GPU (its error code is " +
                   std::to_string(status) + ")";
    return gpus;
  }
  for (int i = 0; i < count; ++i) {
    int handle = 0;
    std::array<char, 256> text{};
    std::size_t bytes = 0;
    if (get(&handle, i) != 0) continue;
    name_of(text.data(), static_cast<int>(text.size()) - 1, handle);
    memory_of(&bytes, handle);
    gpus.devices.push_back({.name = "cuda:" + std::to_string(i),
                            .description = text.data(),
                            .memory_bytes = static_cast<std::int64_t>(bytes)});
  }
  return gpus;
}

// The folder of the libtorch_cpu that this process runs with, with a slash.
std::string LibraryFolder() {
  std::string folder;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        const std::string path = info->dlpi_name;
        const auto slash = path.rfind('/');
        if (slash == std::string::npos ||
            path.find("libtorch_cpu", slash) == std::string::npos) {
          return 0;
        }
        *static_cast<std::string*>(result) = path.substr(0, slash + 1);
        return 1;
      },
      &folder);
  return folder;
}

// Loads libtorch_cuda; returns what is wrong, or "".
std::string LoadLibrary() {
  const std::string path = LibraryFolder() + "libtorch_cuda.so";
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    return "there is a GPU, but LibTorch's part for it cannot be loaded (" +
           std::string(reason == nullptr ? path : reason) +
           "); run scripts/setup, which fetches it where there is a GPU";
  }
  if (!at::hasCUDA() || at::detail::getCUDAHooks().getNumGPUs() == 0) {
    return "there is a GPU, but LibTorch cannot use it (" + path +
           " was loaded); the driver may be too old for its CUDA version";
  }
  return "";
}

// The index that "cuda" or "cuda:N" names; nothing for another word.
std::optional<std::size_t> IndexOf(std::string_view name) {
  if (name == kCuda) return 0;
  if (name.substr(0, 5) != "cuda:") return std::nullopt;
  const std::string_view digits = name.substr(5);
  std::size_t index = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return index;
}

}  // namespace

bool IsDeviceName(std::string_view name) {
  return name == "cpu" || IndexOf(name).has_value();
}

Device OpenDevice(std::string_view name) {
  if (name == "cpu") return {};
  const std::string key = "runtime.device: " + std::string(name);
  const std::optional<std::size_t> index = IndexOf(name);
  if (!index) {
    throw core::ConfigError(key +
                            " is no device; expected auto, cpu, cuda or "
                            "cuda:N with N from 0");
  }
  const Gpus gpus = AskDriver();
  if (!gpus.problem.empty()) {
    throw core::ConfigError(key + " was asked for, but " + gpus.problem +
                            kAdvice);
  }
  if (*index >= gpus.devices.size()) {
    throw core::ConfigError(
        key + " was asked for, but the GPUs here are cuda:0 to cuda:" +
        std::to_string(gpus.devices.size() - 1) + kAdvice);
  }
  const std::string problem = LoadLibrary();
  if (!problem.empty()) {
    throw core::ConfigError(key + " was asked for; " + problem + kAdvice);
  }
  return gpus.devices[*index];
}

DeviceChoice ChooseDevice(std::string_view name) {
  if (name != "auto") {
    return {OpenDevice(name), "runtime.device says so"};
  }
  const Gpus gpus = AskDriver();
  if (!gpus.problem.empty()) return {{}, gpus.problem};
  const std::string problem = LoadLibrary();
  if (!problem.empty()) return {{}, problem};
  return {gpus.devices.front(), "the first GPU"};
}

}  // namespace fedtorch::engine
