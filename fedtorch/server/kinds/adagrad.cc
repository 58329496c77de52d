#include "fedtorch/server/adaptive.h"

namespace fedtorch::server {
namespace {

// v <- v + delta^2.
struct Rule {
  double operator()(double v, double square) const { return v + square; }
};

std::unique_ptr<Optimizer> Make(config::Section& section) {
  const AdaptiveOptions options =
      ReadAdaptive(section, {.lr = 0.1, .beta1 = 0.0, .decays = false});
  return std::make_unique<Adaptive<Rule>>("adagrad", options, Rule{});
}

}  // namespace

extern const Kind kAdagrad;
constinit const Kind kAdagrad{
    .name = "adagrad",
    .summary =
        "Shortens each coordinate's step by the root of all its past "
        "squares (FedAdagrad).",
    .source = "Reddi et al. 2021, algorithm 2, FedAdagrad",
    .make = Make};

}  // namespace fedtorch::server
