#include "fedtorch/server/adaptive.h"

namespace fedtorch::server {
namespace {

// v <- beta2 v + (1 - beta2) delta^2.
struct Rule {
  double beta2;
  double operator()(double v, double square) const {
    return beta2 * v + (1.0 - beta2) * square;
  }
};

std::unique_ptr<Optimizer> Make(config::Section& section) {
  const AdaptiveOptions options = ReadAdaptive(section, {.lr = 0.1});
  return std::make_unique<Adaptive<Rule>>("adam", options, Rule{options.beta2});
}

}  // namespace

extern const Kind kAdam;
constinit const Kind kAdam{
    .name = "adam",
    .summary =
        "Scales each coordinate's step by the root of its mean square "
        "(FedAdam).",
    .source = "Reddi et al. 2021, algorithm 2, FedAdam",
    .make = Make};

}  // namespace fedtorch::server
