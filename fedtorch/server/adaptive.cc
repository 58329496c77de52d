#include "fedtorch/server/adaptive.h"

namespace fedtorch::server {
namespace {

void ReadDecay(config::Section& section, AdaptiveOptions& options) {
  options.beta2 = section.Real(
      {.name = "beta2",
       .help = "Decay of the second moment v; 1 = v never changes."},
      0.99,
      {.min = 0.0, .max = 1.0});
  options.bias_correction =
      section.Choice({.name = "bias_correction",
                      .help = "adam = divide m by 1 - beta1^t and v by 1 - "
                              "beta2^t; the paper does not."},
                     {"none", "adam"},
                     "none") == "adam";
  if (options.bias_correction && options.beta2 == 1.0 && !section.recording()) {
    section.Fail("bias_correction",
                 "expected none where beta2 is 1, found adam, which divides by "
                 "1 - beta2^t = 0; lower beta2");
  }
}

}  // namespace

AdaptiveOptions ReadAdaptive(config::Section& section,
                             const AdaptiveDefaults& defaults) {
  AdaptiveOptions options;
  options.lr = section.Real({.name = "lr",
                             .help = "Server learning rate; the default is "
                                     "that of Flower's strategy.",
                             .aliases = {"learning_rate", "eta"}},
                            defaults.lr,
                            {.min = 0.0, .open_min = true});
  options.beta1 =
      section.Real({.name = "beta1", .help = "Decay of the mean update m."},
                   defaults.beta1,
                   {.min = 0.0, .max = 1.0, .open_max = true});
  if (defaults.decays) ReadDecay(section, options);
  options.tau = section.Real(
      {.name = "tau",
       .help = "Added to sqrt(v): the degree of adaptivity, small = more.",
       .aliases = {"epsilon", "eps"}},
      1e-3,
      {.min = 0.0});
  const auto initial = section.OptionalReal(
      {.name = "v0",
       .help = "The second moment v before the first round; null = tau^2 as "
               "in the paper, 0 as in Flower.",
       .aliases = {"initial_accumulator_value"}},
      {.min = 0.0});
  options.initial_v = initial.value_or(options.tau * options.tau);
  return options;
}

}  // namespace fedtorch::server
