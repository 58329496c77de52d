#include "fedtorch/partition/feasibility.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace fedtorch::partition {

void ThrowInfeasible(std::string_view kind, const std::string& detail) {
  throw core::ConfigError("cannot partition by '" + std::string(kind) +
                          "': " + detail);
}

std::string Shortest(double value) {
  std::array<char, 32> text{};
  const auto result =
      std::to_chars(text.data(), text.data() + text.size(), value);
  return std::string(text.data(), result.ptr);
}

void RequireRoom(const Input& input, std::string_view kind) {
  const std::int64_t samples = input.dataset.size();
  if (samples == 0) {
    ThrowInfeasible(kind,
                    "data set '" + input.dataset.name + "' has no samples");
  }
  if (input.num_clients < 1) {
    ThrowInfeasible(kind,
                    "expected num_clients >= 1, found " +
                        std::to_string(input.num_clients) +
                        "; set num_clients");
  }
  // Division, because the product may overflow.
  if (input.min_samples > samples / input.num_clients) {
    ThrowInfeasible(
        kind,
        std::to_string(input.num_clients) + " clients with at least " +
            std::to_string(input.min_samples) +
            " samples each need more than the " + std::to_string(samples) +
            " samples of data set '" + input.dataset.name +
            "'; lower num_clients or min_samples");
  }
}

void DrawUntilMinimum(
    const Input& input,
    std::string_view kind,
    std::string_view remedy,
    const std::function<std::int64_t(std::uint64_t attempt)>& draw) {
  std::int64_t best = -1;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const std::int64_t smallest = draw(static_cast<std::uint64_t>(attempt));
    if (smallest >= input.min_samples) return;
    best = std::max(best, smallest);
  }
  ThrowInfeasible(
      kind,
      "expected at least " + std::to_string(input.min_samples) +
          " samples for each of " + std::to_string(input.num_clients) +
          " clients (min_samples), but in " + std::to_string(kTries) +
          " tries the smallest client had at best " + std::to_string(best) +
          "; " + std::string(remedy) +
          ", lower num_clients or lower min_samples");
}

}  // namespace fedtorch::partition
