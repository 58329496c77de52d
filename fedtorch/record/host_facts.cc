#include "fedtorch/core/hash.h"
#include "fedtorch/record/manifest.h"

#include <sys/utsname.h>
#include <tbb/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace fedtorch::record {
namespace {

constexpr std::array<std::string_view, 16> kEnvironment{
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "DNNL_MAX_CPU_ISA",
    "FEDTORCH_DATA",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "LD_PRELOAD",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "TORCH_ROOT",
};

// x86 families, and those of "Features" on Arm.
constexpr std::array<std::string_view, 9> kFlagPrefixes{
    "sse4", "avx", "fma", "f16c", "amx", "bf16", "asimd", "sve", "neon"};

std::string ReadText(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::string Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  const std::size_t last = text.find_last_not_of(" \t\r");
  return std::string(text.substr(first, last - first + 1));
}

// Returns the value of the first line "<key> : <value>".
std::string FieldOf(const std::string& text,
                    std::string_view key,
                    char separator) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    const std::size_t at = line.find(separator);
    if (at == std::string::npos) continue;
    if (Trim(std::string_view(line).substr(0, at)) == key) {
      return Trim(std::string_view(line).substr(at + 1));
    }
  }
  return "";
}

std::string Distribution() {
  std::string name = FieldOf(ReadText("/etc/os-release"), "PRETTY_NAME", '=');
  std::erase(name, '"');
  return name;
}

}  // namespace

std::string CpuModelOf(const std::string& cpuinfo) {
  const std::string model = FieldOf(cpuinfo, "model name", ':');
  if (!model.empty()) return model;
  // Arm gives numbers in place of a name.
  const std::string part = FieldOf(cpuinfo, "CPU part", ':');
  if (part.empty()) return "unknown";
  return "implementer " + FieldOf(cpuinfo, "CPU implementer", ':') + " part " +
         part;
}

std::vector<std::string> FloatFlagsOf(const std::string& cpuinfo) {
  std::string all = FieldOf(cpuinfo, "flags", ':');
  if (all.empty()) all = FieldOf(cpuinfo, "Features", ':');
  std::vector<std::string> chosen;
  std::istringstream words(all);
  std::string word;
  while (words >> word) {
    if (std::any_of(kFlagPrefixes.begin(),
                    kFlagPrefixes.end(),
                    [&](std::string_view prefix) {
                      return word.starts_with(prefix);
                    })) {
      chosen.push_back(word);
    }
  }
  return chosen;
}

HostFacts DescribeHost() {
  HostFacts facts;
  const std::string cpuinfo = ReadText("/proc/cpuinfo");
  facts.cpu_model = CpuModelOf(cpuinfo);
  facts.cpu_flags = FloatFlagsOf(cpuinfo);
  facts.cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  utsname names{};
  if (::uname(&names) == 0) {
    facts.system =
        std::string(names.sysname) + " " + names.release + " " + names.machine;
    facts.name_sha256 = core::Sha256Hex(std::string_view(names.nodename));
  }
  facts.distribution = Distribution();
  facts.tbb_version = ::TBB_runtime_version();
  for (const std::string_view name : kEnvironment) {
    const char* value = std::getenv(std::string(name).c_str());
    if (value != nullptr) facts.environment.emplace(name, value);
  }
  return facts;
}

}  // namespace fedtorch::record
