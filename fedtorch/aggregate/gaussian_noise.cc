#include "fedtorch/aggregate/gaussian_noise.h"

#include "fedtorch/core/stream.h"

#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

constexpr std::size_t kBlock = 4096;

}  // namespace

void AddGaussianNoise(double deviation,
                      std::string_view kind,
                      const Context& context,
                      std::span<double> values) {
  if (deviation == 0.0) return;
  const std::size_t blocks = (values.size() + kBlock - 1) / kBlock;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t block) {
    core::Stream stream = core::Stream::Named(
        context.seed, kind, {static_cast<std::uint64_t>(context.round), block});
    const std::size_t last = std::min(values.size(), (block + 1) * kBlock);
    for (std::size_t k = block * kBlock; k < last; ++k) {
      values[k] += deviation * stream.Normal();
    }
  });
}

}  // namespace fedtorch::aggregate
