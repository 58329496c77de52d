#include "fedtorch/study/bench_peak.h"

#include "fedtorch/engine/session.h"
#include "fedtorch/kernel/peak.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fedtorch::study {
namespace {

// 512 MiB: beyond the last cache of any processor of today. On a rented core
// the operating system may state more than a tenant gets.
constexpr std::size_t kReadValues = std::size_t{1} << 27;

}  // namespace

Peak MeasurePeak() {
  engine::PrepareThread();
  Peak peak;
  // Spread over the whole measurement: a neighbour's burst of work on a shared
  // machine then hits one of them, not all.
  const auto measure_sgemm = [&peak] {
    for (const int side : {512, 1024}) {
      peak.sgemm_gflops =
          std::max(peak.sgemm_gflops, engine::MeasureSgemm(side));
    }
  };
  measure_sgemm();
  peak.fma_gflops = kernel::MeasureFmaPeak();
  measure_sgemm();
  const std::vector<float> values(kReadValues, 1.0F);
  peak.read_gb_s = kernel::MeasureReadBandwidth(values);
  measure_sgemm();
  peak.fma_gflops = std::max(peak.fma_gflops, kernel::MeasureFmaPeak());
  return peak;
}

}  // namespace fedtorch::study
