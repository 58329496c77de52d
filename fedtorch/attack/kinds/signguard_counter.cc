// Against rules that cluster by shares of signs: a random vector that has as
// many positive, negative and zero coordinates as the mean mu of the honest
// updates, at random places, so that it points nowhere in particular.
//
// The published program draws magnitudes from (0, 1), whatever the updates: the
// norm filter of the same rule then finds it. By default the norm is the median
// norm of the honest updates.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"
#include "fedtorch/core/stream.h"

#include <algorithm>

namespace fedtorch::attack {
namespace {

class SignguardCounter final : public Attack {
 public:
  explicit SignguardCounter(config::Section& section)
      : median_(section.Choice({.name = "norm",
                                .help = "Median of the honest norms, or that "
                                        "of magnitudes in (0, 1) as drawn."},
                               {"median", "drawn"},
                               "median") == "median") {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    std::vector<double> vector = MeanOf(*scene.known);
    core::Stream stream = core::Stream::Named(
        scene.seed, "attack", {static_cast<std::uint64_t>(scene.round)});
    for (double& value : vector) {
      if (value == 0.0) continue;
      const double magnitude = 1.0 - stream.Uniform();  // never 0
      value = value > 0.0 ? magnitude : -magnitude;
    }
    stream.Shuffle(std::span(vector));
    const double norm = NormOf(vector);
    if (median_ && norm > 0.0) {
      std::vector<double> norms = NormsOf(*scene.known);
      std::sort(norms.begin(), norms.end());
      const std::size_t half = norms.size() / 2;
      const double median = norms.size() % 2 == 1
                                ? norms[half]
                                : 0.5 * (norms[half - 1] + norms[half]);
      for (double& value : vector) value *= median / norm;
    }
    Crafted crafted;
    crafted.vectors.push_back(std::move(vector));
    return crafted;
  }

 private:
  bool median_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<SignguardCounter>(section);
}

}  // namespace

extern const Kind kSignguardCounter;
constinit const Kind kSignguardCounter{
    .name = "signguard_counter",
    .summary =
        "Sends a random vector with as many positive and negative entries as "
        "the honest mean.",
    .source = "Li et al. 2024 (Blades, SignGuard adversary)",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
