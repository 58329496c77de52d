// A little is enough with the strength that hurts this defence most:
// b(t) = mu + t sigma, t >= 0, where t climbs the distance between what the
// defence makes of the honest updates with f copies of b(t), and their mean mu.
//
// Avoids: twenty runs of a whole defence over all coordinates where it only
// weighs vectors. mu and sigma are those of the updates it knows.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/defence_trial.h"
#include "fedtorch/attack/line_search.h"
#include "fedtorch/attack/statistics.h"

namespace fedtorch::attack {
namespace {

class OptAlie final : public Attack {
 public:
  explicit OptAlie(config::Section& section)
      : search_(LineSearch::Read(section)),
        sign_(section.Choice({.name = "sign",
                              .help = "On which side of the mean it lies."},
                             {"plus", "minus"},
                             "plus") == "plus"
                  ? 1.0
                  : -1.0),
        ddof_(ReadDdof(section)) {}

  bool crafts() const override { return true; }
  bool needs_defence() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    Statistics statistics = StatisticsOf(*scene.known, ddof_);
    const DefenceTrial trial(scene, statistics.mean, statistics.std);
    const double t = search_
                         .Climb([&](double at) {
                           return trial.Try(1.0, sign_ * at).distance;
                         })
                         .t;
    for (std::size_t k = 0; k < statistics.mean.size(); ++k) {
      statistics.mean[k] += sign_ * t * statistics.std[k];
    }
    Crafted crafted;
    crafted.vectors.push_back(std::move(statistics.mean));
    crafted.diagnostics["attack/t"] = t;
    return crafted;
  }

 private:
  LineSearch search_;
  double sign_;
  std::int64_t ddof_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<OptAlie>(section);
}

}  // namespace

extern const Kind kOptAlie;
constinit const Kind kOptAlie{
    .name = "opt_alie",
    .summary =
        "The mean of the honest updates plus t standard deviations, at "
        "the t that hurts the defence most.",
    .source = "Allouah et al. 2023; search as in robustness 4.2",
    .knowledge = "honest updates and the defence",
    .make = Make};

}  // namespace fedtorch::attack
