// Min-Sum: b = mu + gamma p with the largest gamma for which the sum of squared
// distances of b to the h honest updates is at most S, the largest such sum of
// an honest update (the smallest, in the published program).
//
// The sum of b is sum_i a_i + h gamma^2 |p|^2 with a_i = |x_i - mu|^2, that of
// x_j is sum_i a_i + h a_j, so that gamma = max_j |x_j - mu| / |p|, or min_j.
// Avoids: searches that cannot get beyond twice or five times their start.
// mu, S and p are those of the updates it knows.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/perturbation.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {
namespace {

class MinSum final : public Attack {
 public:
  explicit MinSum(config::Section& section)
      : perturbation_(Perturbation::Read(section)),
        largest_(section.Choice({.name = "bound",
                                 .help = "Sum of squared distances that it may "
                                         "reach: the largest of an honest "
                                         "update as in the paper, or the "
                                         "smallest as in its program."},
                                {"max", "min"},
                                "max") == "max") {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    const Perturbation::Line line = perturbation_.Of(*scene.known);
    const std::vector<double> squares =
        OffsetsOf(*scene.known, line.mean, {}).squares;
    const double bound =
        largest_ ? *std::max_element(squares.begin(), squares.end())
                 : *std::min_element(squares.begin(), squares.end());
    const double norm = NormOf(line.direction);
    double gamma = norm > 0.0 ? std::sqrt(bound) / norm : 0.0;
    // Beyond all numbers, the mean itself.
    if (!std::isfinite(gamma)) gamma = 0.0;
    Crafted crafted;
    crafted.vectors.push_back(line.At(gamma));
    crafted.diagnostics["attack/gamma"] = gamma;
    return crafted;
  }

 private:
  Perturbation perturbation_;
  bool largest_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<MinSum>(section);
}

}  // namespace

extern const Kind kMinSum;
constinit const Kind kMinSum{
    .name = "min_sum",
    .summary =
        "As far from the honest mean as the sum of squared distances to "
        "honest updates may be for one of them.",
    .source = "Shejwalkar, Houmansadr 2021 (Min-Sum); gamma in closed form",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
