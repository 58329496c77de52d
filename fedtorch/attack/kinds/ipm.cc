// Inner product manipulation: -epsilon times the mean mu of the honest updates.
// A small epsilon is drowned by no selecting rule and turns the mean's sign
// only with many adversaries; a large one is meant for coordinate rules.
//
// Papers write gradients; an update is a gradient times a negative number, so
// the formula is the same for both.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

namespace fedtorch::attack {
namespace {

class Ipm final : public Attack {
 public:
  explicit Ipm(config::Section& section)
      : epsilon_(section.Real(
            {.name = "epsilon",
             .help = "Factor on the negative mean: small against rules that "
                     "select updates, large against coordinate-wise ones.",
             .aliases = {"tau"}},
            0.1,
            {.min = 0.0})) {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    std::vector<double> vector = MeanOf(*scene.known);
    for (double& value : vector) value *= -epsilon_;
    Crafted crafted;
    crafted.vectors.push_back(std::move(vector));
    return crafted;
  }

 private:
  double epsilon_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Ipm>(section);
}

}  // namespace

extern const Kind kIpm;
constinit const Kind kIpm{
    .name = "ipm",
    .summary = "Sends the mean of the honest updates times -epsilon.",
    .source = "Xie, Koyejo, Gupta 2019",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
