#include "fedtorch/core/errors.h"
#include "fedtorch/fleet/select/draws.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace fedtorch::fleet::select {
namespace {

/// Draws clients in proportion to their shares; a share of 0 is never drawn.
/// Cost: O(N + S log N) with, O(N) without replacement.
class Weighted final : public Selector {
 public:
  explicit Weighted(bool replace) : replace_(replace) {}

  Cohort Select(const Input& input) const override {
    CheckCohortSize(input);
    return CohortOfDraws(replace_ ? WithReplacement(input)
                                  : WithoutReplacement(input));
  }

  std::optional<double> ExpectedCount(const Input& input,
                                      std::int64_t client) const override {
    // Inclusion under successive draws has no closed form.
    if (!replace_) return std::nullopt;
    return static_cast<double>(input.cohort_size) *
           input.shares[static_cast<std::size_t>(client)];
  }

 private:
  static std::vector<std::int64_t> WithReplacement(const Input& input) {
    std::vector<double> sums;
    sums.reserve(input.shares.size());
    double sum = 0.0;
    for (const double share : input.shares) sums.push_back(sum += share);
    FEDTORCH_CHECK(sum > 0.0, "all shares are 0");
    // The first client at which the full sum is reached: where a product
    // below rounds up to the sum, the draw is theirs.
    const auto last = std::lower_bound(sums.begin(), sums.end(), sum);
    core::Stream stream = RoundStream(input);
    std::vector<std::int64_t> draws;
    draws.reserve(static_cast<std::size_t>(input.cohort_size));
    for (std::int64_t i = 0; i < input.cohort_size; ++i) {
      const double point = stream.Uniform() * sum;
      // The first sum beyond the point; a client of share 0 adds nothing to
      // the sums and so is never the first.
      const auto found = std::upper_bound(sums.begin(), last, point);
      draws.push_back(found - sums.begin());
    }
    return draws;
  }

  // Successive draws with renormalised shares. The order in which independent
  // clocks of rates p_i ring has this law (Efraimidis and Spirakis 2006:
  // their keys U^(1/p) are these times on another scale).
  static std::vector<std::int64_t> WithoutReplacement(const Input& input) {
    struct Ring {
      double time;
      std::int64_t client;
      bool operator<(const Ring& other) const {
        return time != other.time ? time < other.time : client < other.client;
      }
    };
    core::Stream stream = RoundStream(input);
    std::vector<Ring> rings;
    for (std::size_t i = 0; i < input.shares.size(); ++i) {
      if (input.shares[i] <= 0.0) continue;
      // 1 - U lies in (0, 1], so the time is finite.
      rings.push_back({-std::log(1.0 - stream.Uniform()) / input.shares[i],
                       static_cast<std::int64_t>(i)});
    }
    const auto size = static_cast<std::size_t>(input.cohort_size);
    if (rings.size() < size) {
      throw core::ConfigError(
          "weighted selection without replacement draws only clients that "
          "have samples: expected at least " +
          std::to_string(size) + ", found " + std::to_string(rings.size()) +
          "; lower the cohort size, use selection.replace=true or another "
          "partition");
    }
    std::nth_element(rings.begin(),
                     rings.begin() + static_cast<std::ptrdiff_t>(size) - 1,
                     rings.end());
    std::vector<std::int64_t> draws;
    for (std::size_t i = 0; i < size; ++i) draws.push_back(rings[i].client);
    return draws;
  }

  bool replace_;
};

std::unique_ptr<Selector> Make(config::Section& section) {
  const bool replace = section.Bool(
      {.name = "replace",
       .help = "Draw with replacement, so that a client may count more than "
               "once; false = successive draws among those not yet drawn."},
      true);
  return std::make_unique<Weighted>(replace);
}

}  // namespace

extern const Kind kWeighted;
constinit const Kind kWeighted{
    .name = "weighted",
    .summary = "Clients are drawn in proportion to their samples.",
    .source =
        "Li et al. 2020 (FedProx), algorithm 2; without replacement "
        "Efraimidis and Spirakis 2006",
    .make = Make};

}  // namespace fedtorch::fleet::select
