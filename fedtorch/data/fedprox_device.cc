#include "fedtorch/data/fedprox_device.h"

#include "fedtorch/core/stream.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::data {
namespace {

core::Stream DeviceStream(std::uint64_t seed,
                          const char* purpose,
                          std::int64_t device) {
  return core::Stream::Named(
      seed, purpose, {static_cast<std::uint64_t>(device)});
}

std::vector<double> Normals(core::Stream& stream,
                            double mean,
                            std::int64_t count) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = mean + stream.Normal();
  return values;
}

}  // namespace

FedproxDevice DrawFedproxDevice(const FedproxOptions& options,
                                std::uint64_t seed,
                                std::int64_t device) {
  FedproxDevice drawn;
  const std::int64_t weights = options.dimension * options.classes;
  if (options.iid) {
    auto shared = core::Stream::Named(seed, "data.synthetic_fedprox.iid");
    drawn.weight = Normals(shared, 0.0, weights);
    drawn.bias = Normals(shared, 0.0, options.classes);
    drawn.center.assign(static_cast<std::size_t>(options.dimension), 0.0);
    return drawn;
  }
  auto stream = DeviceStream(seed, "data.synthetic_fedprox.device", device);
  drawn.model_mean = options.alpha * stream.Normal();
  drawn.feature_mean = options.beta * stream.Normal();
  drawn.weight = Normals(stream, drawn.model_mean, weights);
  drawn.bias = Normals(stream, drawn.model_mean, options.classes);
  drawn.center = Normals(stream, drawn.feature_mean, options.dimension);
  return drawn;
}

std::int64_t DrawFedproxSize(std::uint64_t seed, std::int64_t device) {
  auto stream = DeviceStream(seed, "data.synthetic_fedprox.size", device);
  return static_cast<std::int64_t>(std::exp(4.0 + 2.0 * stream.Normal())) + 50;
}

void DrawFedproxSamples(const FedproxOptions& options,
                        const FedproxDevice& drawn,
                        std::uint64_t seed,
                        std::int64_t device,
                        std::span<float> features,
                        std::span<std::int64_t> labels) {
  auto stream = DeviceStream(seed, "data.synthetic_fedprox.samples", device);
  const auto dimension = static_cast<std::size_t>(options.dimension);
  const auto classes = static_cast<std::size_t>(options.classes);
  std::vector<double> deviation(dimension);
  for (std::size_t j = 0; j < dimension; ++j) {
    deviation[j] = std::pow(static_cast<double>(j + 1), -0.6);
  }
  std::vector<double> scores(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::span<float> x = features.subspan(i * dimension, dimension);
    std::ranges::copy(drawn.bias, scores.begin());
    for (std::size_t j = 0; j < dimension; ++j) {
      x[j] =
          static_cast<float>(drawn.center[j] + deviation[j] * stream.Normal());
      // The label belongs to the stored x, not to the one before rounding.
      const auto value = static_cast<double>(x[j]);
      const double* row = drawn.weight.data() + j * classes;
      for (std::size_t k = 0; k < classes; ++k) scores[k] += row[k] * value;
    }
    labels[i] = std::ranges::max_element(scores) - scores.begin();
  }
}

}  // namespace fedtorch::data
