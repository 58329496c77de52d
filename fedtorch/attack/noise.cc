#include "fedtorch/attack/noise.h"

#include "fedtorch/core/stream.h"

#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::attack {
namespace {

constexpr std::size_t kPart = 65536;

}  // namespace

void AddNormal(std::uint64_t seed,
               std::int64_t round,
               std::int64_t client,
               double mean,
               double deviation,
               std::span<double> vector) {
  tbb::parallel_for(std::size_t{0},
                    (vector.size() + kPart - 1) / kPart,
                    [&](std::size_t part) {
                      core::Stream stream = core::Stream::Named(
                          seed,
                          "attack",
                          {static_cast<std::uint64_t>(round),
                           static_cast<std::uint64_t>(client),
                           part});
                      const std::size_t last =
                          std::min(vector.size(), (part + 1) * kPart);
                      for (std::size_t k = part * kPart; k < last; ++k) {
                        vector[k] += mean + deviation * stream.Normal();
                      }
                    });
}

}  // namespace fedtorch::attack
