#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::data {

/// Holds the options of the synthetic(alpha, beta) generator.
struct FedproxOptions {
  double alpha = 1.0;  ///< standard deviation of u_i over devices
  double beta = 1.0;   ///< standard deviation of B_i over devices
  std::int64_t devices = 30;
  std::int64_t dimension = 60;
  std::int64_t classes = 10;
  bool iid = false;  ///< one W and b for all devices, v = 0
};

/// Holds what device i draws before its samples.
struct FedproxDevice {
  double model_mean = 0.0;     ///< u_i ~ N(0, alpha^2)
  double feature_mean = 0.0;   ///< B_i ~ N(0, beta^2)
  std::vector<double> weight;  ///< W_i ~ N(u_i, 1), [dimension, classes]
  std::vector<double> bias;    ///< b_i ~ N(u_i, 1), [classes]
  std::vector<double> center;  ///< v_i ~ N(B_i, 1), [dimension]
};

/// Draws a device. Randomness: (seed, "data.synthetic_fedprox.device",
/// device); iid takes W and b from (seed, "data.synthetic_fedprox.iid").
/// Source: Li et al. 2020, FedProx, section 5.1, as coded by its authors
/// (generate_synthetic.py), where alpha and beta are standard deviations; the
/// paper's text may be read as variances, which differs unless 0 or 1.
FedproxDevice DrawFedproxDevice(const FedproxOptions& options,
                                std::uint64_t seed,
                                std::int64_t device);

/// Draws a number of samples, floor(lognormal(4, 2)) + 50.
/// Randomness: (seed, "data.synthetic_fedprox.size", device).
std::int64_t DrawFedproxSize(std::uint64_t seed, std::int64_t device);

/// Draws samples x ~ N(v_i, diag((j + 1)^-1.2)) rounded to float, and labels
/// y = argmax(W^T x + b), the lowest index among equals.
/// Shapes: features [n, dimension], labels [n].
/// Randomness: (seed, "data.synthetic_fedprox.samples", device).
void DrawFedproxSamples(const FedproxOptions& options,
                        const FedproxDevice& drawn,
                        std::uint64_t seed,
                        std::int64_t device,
                        std::span<float> features,
                        std::span<std::int64_t> labels);

}  // namespace fedtorch::data
