// AGR-tailored: b = mu + gamma p with the largest gamma that this defence still
// falls for. What falling for it means is the oracle: a rule that selects takes
// all copies (or nothing but copies, where it takes fewer rows than there are),
// or a rule that does not select moves as far from mu as it can.
//
// For selection gamma doubles until it is refused, then the gap is halved; the
// published search stays below twice its start. For distance it climbs as
// opt_alie does. mu and p are those of the updates it knows.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/defence_trial.h"
#include "fedtorch/attack/line_search.h"
#include "fedtorch/attack/perturbation.h"
#include "fedtorch/core/errors.h"

namespace fedtorch::attack {
namespace {

class AgrTailored final : public Attack {
 public:
  explicit AgrTailored(config::Section& section)
      : perturbation_(Perturbation::Read(section)),
        selection_(section.Choice({.name = "oracle",
                                   .help = "What counts as a success: the "
                                           "defence takes all copies, or its "
                                           "answer is far from the mean."},
                                  {"selected_all", "distance"},
                                  "selected_all") == "selected_all"),
        step_(
            section.Real({.name = "step", .help = "First gamma that is tried."},
                         10.0,
                         {.min = 0.0, .max = 1e6, .open_min = true})),
        evaluations_(
            section.Int({.name = "evaluations",
                         .help = "How often the defence is tried in a round.",
                         .unit = "trials"},
                        30,
                        {.min = 1, .max = 60})) {}

  bool crafts() const override { return true; }
  bool needs_defence() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    const Perturbation::Line line = perturbation_.Of(*scene.known);
    const DefenceTrial trial(scene, line.mean, line.direction);
    const double gamma = selection_ ? Largest(trial) : Farthest(trial);
    Crafted crafted;
    crafted.vectors.push_back(line.At(gamma));
    crafted.diagnostics["attack/gamma"] = gamma;
    return crafted;
  }

 private:
  double Largest(const DefenceTrial& trial) const {
    double taken = 0.0;
    double refused = 0.0;  // 0 = none yet
    for (std::int64_t i = 0; i < evaluations_; ++i) {
      const double gamma = refused > 0.0 ? 0.5 * (taken + refused)
                           : taken > 0.0 ? 2.0 * taken
                                         : step_;
      const DefenceTrial::Outcome outcome = trial.Try(1.0, gamma);
      if (!outcome.selects) {
        throw core::RunError(
            "agr_tailored: the aggregator does not say which updates it takes; "
            "set oracle: distance");
      }
      (outcome.selected ? taken : refused) = gamma;
    }
    return taken;
  }

  double Farthest(const DefenceTrial& trial) const {
    LineSearch search;
    search.step = step_;
    search.evaluations = evaluations_;
    return search
        .Climb([&](double gamma) { return trial.Try(1.0, gamma).distance; })
        .t;
  }

  Perturbation perturbation_;
  bool selection_;
  double step_;
  std::int64_t evaluations_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<AgrTailored>(section);
}

}  // namespace

extern const Kind kAgrTailored;
constinit const Kind kAgrTailored{
    .name = "agr_tailored",
    .summary =
        "As far from the honest mean as the defence still takes all "
        "copies, or is moved farthest.",
    .source = "Shejwalkar, Houmansadr 2021 (AGR-tailored); gamma without a cap",
    .knowledge = "honest updates and the defence",
    .make = Make};

}  // namespace fedtorch::attack
