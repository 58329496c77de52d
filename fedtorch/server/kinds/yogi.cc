#include "fedtorch/server/adaptive.h"

namespace fedtorch::server {
namespace {

// v <- v - (1 - beta2) delta^2 sign(v - delta^2).
struct Rule {
  double beta2;
  double operator()(double v, double square) const {
    const double change = (1.0 - beta2) * square;
    return v > square ? v - change : v < square ? v + change : v;
  }
};

std::unique_ptr<Optimizer> Make(config::Section& section) {
  const AdaptiveOptions options = ReadAdaptive(section, {.lr = 0.01});
  return std::make_unique<Adaptive<Rule>>("yogi", options, Rule{options.beta2});
}

}  // namespace

extern const Kind kYogi;
constinit const Kind kYogi{
    .name = "yogi",
    .summary =
        "Like adam, but the mean square falls only as fast as it may "
        "rise (FedYogi).",
    .source = "Reddi et al. 2021, algorithm 2, FedYogi",
    .make = Make};

}  // namespace fedtorch::server
