// Model replacement by constrain and scale: train a poisoned model that stays
// near the global one, then send its update boosted so that it survives the
// mean.
//
// The loss is alpha * CE + (1 - alpha) / 2 * ||w - w_global||^2. With h the
// direction of the honest step, w - lr * h, the step taken is
//   w <- w - lr * (alpha * h + (1 - alpha) * (w - w_global)),
// so the anomaly term pulls with a gradient that is zero at the global model
// alone; it acts beside the momentum buffer. After each step the model may be
// brought back into a ball around the global one (radius). In the end the
// update is multiplied by boost, or by n / eta, with which the mean over n
// clients and a server step eta put the poisoned model in the place of the
// global one if the others are near convergence. Each adversary boosts as if
// it were the only one.
//
// Avoids: an anomaly term computed outside of the gradient, which constrains
// nothing; boosting weights in place of the update.
#include "fedtorch/attack/trigger.h"
#include "fedtorch/core/errors.h"

#include <optional>

namespace fedtorch::attack {
namespace {

struct Options {
  double alpha = 0.5;
  std::optional<double> radius;
  std::optional<double> boost;
  std::optional<double> eta;
};

class Replacing final : public TriggeredTampering {
 public:
  Replacing(const Options& options,
            std::unique_ptr<client::Tampering> trigger,
            const Turn& turn)
      : TriggeredTampering(std::move(trigger), turn.model),
        options_(options),
        lr_(turn.lr),
        boost_(options.boost.value_or(static_cast<double>(turn.cohort) /
                                      options.eta.value_or(1.0))),
        before_(turn.model.begin(), turn.model.end()) {}

  void AfterStep(std::span<float> weights) override {
    if (options_.alpha < 1.0) Pull(weights);
    if (options_.radius) Project(weights);
    before_.assign(weights.begin(), weights.end());
  }

  void AfterTraining(std::span<float> delta) override {
    if (options_.radius) ClipNorm(*options_.radius, delta);
    for (float& value : delta) {
      value = static_cast<float>(boost_ * static_cast<double>(value));
    }
  }

 private:
  void Pull(std::span<float> weights) const {
    const double alpha = options_.alpha;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double before = before_[k];
      const double step = static_cast<double>(weights[k]) - before;
      const double away = before - static_cast<double>(model()[k]);
      weights[k] = static_cast<float>(before + alpha * step -
                                      lr_ * (1.0 - alpha) * away);
    }
  }

  void Project(std::span<float> weights) {
    for (std::size_t k = 0; k < weights.size(); ++k) {
      before_[k] = weights[k] - model()[k];
    }
    ClipNorm(*options_.radius, before_);
    for (std::size_t k = 0; k < weights.size(); ++k) {
      weights[k] = model()[k] + before_[k];
    }
  }

  const Options& options_;
  double lr_;
  double boost_;
  std::vector<float> before_;
};

class ModelReplacement final : public TriggeredAttack {
 public:
  explicit ModelReplacement(config::Section& section)
      : TriggeredAttack(section) {
    options_.alpha = section.Real(
        {.name = "alpha",
         .help = "Share of the poisoned loss; the rest is half the squared "
                 "distance to the global model."},
        0.5,
        {.min = 0.0, .max = 1.0, .open_min = true});
    options_.radius = section.OptionalReal(
        {.name = "radius",
         .help = "Greatest distance to the global model, kept to after every "
                 "step; null = any.",
         .unit = "L2 norm"},
        {.min = 0.0, .open_min = true});
    options_.boost = section.OptionalReal(
        {.name = "boost",
         .help = "Factor on the finished update; null = clients of the round "
                 "divided by eta."},
        {.min = 0.0, .open_min = true});
    options_.eta = section.OptionalReal(
        {.name = "eta",
         .help = "What the adversary takes for the server's learning rate; "
                 "null = 1."},
        {.min = 0.0, .open_min = true});
    if (!section.recording() && options_.boost && options_.eta) {
      section.Fail("eta",
                   "expected null, for boost is given and eta only serves to "
                   "compute it; remove one of the two");
    }
  }

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    FEDTORCH_CHECK(turn.lr > 0.0, "the learning rate of the turn is known");
    return std::make_unique<Replacing>(options_, trigger().Tamper(turn), turn);
  }

 private:
  Options options_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<ModelReplacement>(section);
}

}  // namespace

extern const Kind kModelReplacement;
constinit const Kind kModelReplacement{
    .name = "model_replacement",
    .summary =
        "Trains a poisoned model that is held near the global one and boosts "
        "its update, to take the global model's place.",
    .source =
        "Bagdasaryan, Veit, Hua, Estrin, Shmatikov 2020, sections 4.2 and "
        "4.3; the ball: Wang et al. 2020",
    .knowledge = "its own samples, the size of the cohort, the server's step",
    .make = Make};

}  // namespace fedtorch::attack
