#include "fedtorch/app/commands.h"
#include "fedtorch/engine/device.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/kernel/peak.h"
#include "fedtorch/record/manifest.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

// Below this share of a core's fused multiply-add peak a matrix product is
// not what it should be: a reference BLAS reaches a tenth.
constexpr double kLowShare = 0.35;

Json Gpus() {
  Json list = Json::array();
  const std::filesystem::path root = "/proc/driver/nvidia/gpus";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(root, ignored)) {
    std::ifstream file(entry.path() / "information");
    std::string line;
    while (std::getline(file, line)) {
      if (line.rfind("Model:", 0) == 0) {
        const auto begin = line.find_first_not_of(" \t", 6);
        list.push_back(begin == std::string::npos ? "" : line.substr(begin));
      }
    }
  }
  return list;
}

std::string Launcher() {
  for (const char* name :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS", "WORLD_SIZE"}) {
    if (const char* value = std::getenv(name)) {
      return std::string(name) + "=" + value;
    }
  }
  return "none";
}

std::string FirstLine(const std::string& text, std::string_view word) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.find(word) != std::string::npos) {
      const auto begin = line.find_first_not_of(" -");
      return begin == std::string::npos ? line : line.substr(begin);
    }
  }
  return "";
}

}  // namespace

int Doctor(Format format) {
  // Before anything else asks LibTorch about GPUs.
  const engine::DeviceChoice device = engine::ChooseDevice("auto");
  engine::PrepareThread();
  const engine::LibraryInfo library = engine::DescribeLibrary();
  const record::HostFacts host = record::DescribeHost();
  const record::BuildFacts build = record::DescribeBuild();
  const double sgemm = engine::MeasureSgemm(1024);
  const double peak = kernel::MeasureFmaPeak();
  const bool slow = sgemm < kLowShare * peak;
  const Json gpus = Gpus();
  if (format == Format::kJson) {
    std::cout << Json{{"fedtorch", build.version},
                      {"revision", build.revision},
                      {"libtorch", library.version},
                      {"blas", FirstLine(library.configuration, "Math Kernel")},
                      {"onednn", library.onednn},
                      {"instruction_set", library.cpu_capability},
                      {"cpu", host.cpu_model},
                      {"cores", host.cores},
                      {"sgemm_gflops", sgemm},
                      {"fma_peak_gflops", peak},
                      {"sgemm_is_slow", slow},
                      {"gpus", gpus},
                      {"device", device.device.name},
                      {"device_reason", device.reason},
                      {"launcher", Launcher()},
                      {"mpi", false}}
                     .dump(2)
              << '\n';
    return 0;
  }
  const auto row = [](std::string_view name, const std::string& value) {
    std::cout << std::left << std::setw(18) << name << value << '\n';
  };
  const auto number = [](double value) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << value;
    return text.str();
  };
  row("fedtorch",
      build.version + " (" + build.revision +
          (build.modified ? ", modified, " : ", ") + build.type + ")");
  row("compiler", build.compiler);
  row("LibTorch", library.version);
  row("math library", FirstLine(library.configuration, "Math Kernel"));
  row("oneDNN",
      library.onednn ? FirstLine(library.configuration, "oneDNN") +
                           FirstLine(library.configuration, "MKL-DNN")
                     : "absent");
  row("processor",
      host.cpu_model + ", " + std::to_string(host.cores) + " cores");
  row("instruction set", library.cpu_capability + " (LibTorch)");
  row("sgemm, one core",
      number(sgemm) + " GFLOP/s, " + number(100.0 * sgemm / peak) +
          " % of the core's " + number(peak) + " GFLOP/s");
  row("GPU", gpus.empty() ? "none found (no NVIDIA driver)" : gpus.dump());
  row("device",
      device.device.name + " (" + device.device.description +
          ") for runtime.device=auto: " + device.reason);
  row("launcher", Launcher());
  row("MPI", "not built in; one process uses all cores of one machine");
  if (slow) {
    std::cout << "\nwarning: matrix products run at " << number(sgemm)
              << " GFLOP/s, far below what this core can do; training will be "
                 "slow. Check that LibTorch was not replaced by a build "
                 "without MKL or OpenBLAS, and that no other load shares the "
                 "core.\n";
  }
  return 0;
}

}  // namespace fedtorch::app
