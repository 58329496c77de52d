// Inner product manipulation with the strength that hurts this defence most:
// b(t) = -t mu, t >= 0, where t climbs the distance between what the defence
// makes of the honest updates with f copies of b(t), and their mean mu.
//
// Avoids: twenty runs of a whole defence over all coordinates where it only
// weighs vectors. mu is the mean of the updates it knows.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/defence_trial.h"
#include "fedtorch/attack/line_search.h"
#include "fedtorch/attack/statistics.h"

namespace fedtorch::attack {
namespace {

class OptIpm final : public Attack {
 public:
  explicit OptIpm(config::Section& section)
      : search_(LineSearch::Read(section)) {}

  bool crafts() const override { return true; }
  bool needs_defence() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    std::vector<double> vector = MeanOf(*scene.known);
    const DefenceTrial trial(scene, vector, {});
    const double t =
        search_.Climb([&](double at) { return trial.Try(-at, 0.0).distance; })
            .t;
    for (double& value : vector) value *= -t;
    Crafted crafted;
    crafted.vectors.push_back(std::move(vector));
    crafted.diagnostics["attack/t"] = t;
    return crafted;
  }

 private:
  LineSearch search_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<OptIpm>(section);
}

}  // namespace

extern const Kind kOptIpm;
constinit const Kind kOptIpm{
    .name = "opt_ipm",
    .summary =
        "The negative mean of the honest updates, at the strength that "
        "hurts the defence most.",
    .source = "Allouah et al. 2023; search as in robustness 4.2",
    .knowledge = "honest updates and the defence",
    .make = Make};

}  // namespace fedtorch::attack
