// Relocated orthogonal perturbation, against clipping around a reference:
// starts from the reference, which the adversaries know because it is the last
// aggregate v, and moves at right angles to where the updates go.
//
// With mu the mean of the honest updates: u = lambda v + (1 - lambda) mu; p is
// what is left of (1, ..., 1) when its part along u is taken off; the result is
// location v + (1 - location) mu + z (sin(angle) p / |p| + cos(angle) u / |u|).
// Before the first aggregate v is 0 and u is mu. Where u or p vanishes, the
// term is left out.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

#include <cmath>
#include <numbers>

namespace fedtorch::attack {
namespace {

// Leaves the zero vector as it is.
void Normalise(std::vector<double>* vector) {
  const double norm = NormOf(*vector);
  if (norm == 0.0) return;
  for (double& value : *vector) value /= norm;
}

class Rop final : public Attack {
 public:
  explicit Rop(config::Section& section)
      : z_(section.Real({.name = "z",
                         .help = "Length of the perturbation.",
                         .unit = "L2 norm of an update"},
                        1.0,
                        {.min = 0.0})),
        angle_(section.Real({.name = "angle",
                             .help = "Between the perturbation and the "
                                     "direction of the updates.",
                             .unit = "degrees"},
                            90.0,
                            {.min = 0.0, .max = 180.0})),
        lambda_(section.Real(
            {.name = "lambda",
             .help = "Share of the last aggregate in that direction; the rest "
                     "is the mean of the honest updates."},
            0.9,
            {.min = 0.0, .max = 1.0})),
        location_(section.Real(
            {.name = "location",
             .help = "Share of the last aggregate in the place that is "
                     "perturbed; the rest is the mean of the honest updates.",
             .aliases = {"pi"}},
            1.0,
            {.min = 0.0, .max = 1.0})) {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    std::vector<double> vector = MeanOf(*scene.known);
    std::vector<double> along = vector;
    const bool known = scene.context.previous.size() == vector.size();
    for (std::size_t k = 0; k < vector.size(); ++k) {
      const double previous = known ? scene.context.previous[k] : 0.0;
      if (known) along[k] = lambda_ * previous + (1.0 - lambda_) * vector[k];
      vector[k] = location_ * previous + (1.0 - location_) * vector[k];
    }
    Normalise(&along);
    double dot = 0.0;
    for (const double value : along) dot += value;
    std::vector<double> across(along.size());
    for (std::size_t k = 0; k < along.size(); ++k) {
      across[k] = 1.0 - dot * along[k];
    }
    // What rounding leaves of (1, ..., 1) along itself is no direction.
    if (NormOf(across) > 1e-9 * std::sqrt(static_cast<double>(across.size()))) {
      Normalise(&across);
    } else {
      across.assign(across.size(), 0.0);
    }
    const double radians = angle_ * std::numbers::pi / 180.0;
    for (std::size_t k = 0; k < vector.size(); ++k) {
      vector[k] +=
          z_ * (std::sin(radians) * across[k] + std::cos(radians) * along[k]);
    }
    Crafted crafted;
    crafted.vectors.push_back(std::move(vector));
    return crafted;
  }

 private:
  double z_;
  double angle_;
  double lambda_;
  double location_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Rop>(section);
}

}  // namespace

extern const Kind kRop;
constinit const Kind kRop{
    .name = "rop",
    .summary =
        "Perturbs the last aggregate at right angles to "
        "the direction of the updates.",
    .source =
        "Ozfatura, Ozfatura, Kupcu, Gunduz 2022 (arXiv 2208.09894); formula of "
        "a public program, not checked against the paper",
    .knowledge = "honest updates and the last aggregate",
    .make = Make};

}  // namespace fedtorch::attack
