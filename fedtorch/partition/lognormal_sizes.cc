#include "fedtorch/partition/lognormal_sizes.h"

#include "fedtorch/core/stream.h"
#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/feasibility.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::partition {

std::vector<std::int64_t> LognormalSizes(const Input& input,
                                         std::string_view kind,
                                         double sigma,
                                         std::string_view purpose) {
  std::vector<std::int64_t> sizes;
  DrawUntilMinimum(input,
                   kind,
                   "lower sigma (now " + Shortest(sigma) + ")",
                   [&](std::uint64_t attempt) {
                     auto stream =
                         core::Stream::Named(input.seed, purpose, {attempt});
                     std::vector<double> weights(
                         static_cast<std::size_t>(input.num_clients));
                     // The factor n / N of every weight cancels in the
                     // proportions.
                     for (double& weight : weights) {
                       weight = std::exp(sigma * stream.Normal());
                     }
                     sizes = LargestRemainder(weights, input.dataset.size());
                     return std::ranges::min(sizes);
                   });
  return sizes;
}

}  // namespace fedtorch::partition
