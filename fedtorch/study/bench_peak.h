#pragma once

namespace fedtorch::study {

/// Holds what one core can do at most; the yardstick of every other figure.
struct Peak {
  double sgemm_gflops = 0.0;  ///< LibTorch's matrix product, sides 512 and 1024
  double fma_gflops = 0.0;    ///< multiply-adds in registers
  double read_gb_s = 0.0;     ///< reading main memory, 10^9 bytes
};

/// Measures one core. Cost: about 2 s and 512 MiB. Threads: one.
Peak MeasurePeak();

}  // namespace fedtorch::study
