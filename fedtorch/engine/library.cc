#include "fedtorch/engine/session.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <chrono>

namespace fedtorch::engine {

void PrepareThread() {
  thread_local const bool prepared = [] {
    at::set_num_threads(1);
    return true;
  }();
  (void)prepared;
}

LibraryInfo DescribeLibrary() {
  LibraryInfo info;
  info.version = TORCH_VERSION;
  info.configuration = at::show_config();
  info.cpu_capability = at::get_cpu_capability();
  info.intra_op_threads = at::get_num_threads();
  info.mkl = at::hasMKL();
  info.onednn = at::globalContext().hasMKLDNN();
  return info;
}

double MeasureSgemm(std::int64_t n) {
  const c10::InferenceMode guard;
  const at::Tensor a = at::full({n, n}, 0.5F);
  const at::Tensor b = at::full({n, n}, 0.25F);
  at::Tensor c = at::empty({n, n});
  double best = 1e30;
  for (int run = 0; run < 5; ++run) {
    const auto start = std::chrono::steady_clock::now();
    at::mm_out(c, a, b);
    const std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    best = std::min(best, elapsed.count());
  }
  const auto side = static_cast<double>(n);
  return 2.0 * side * side * side / best * 1e-9;
}

}  // namespace fedtorch::engine
