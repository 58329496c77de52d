// Ascent: every local step is taken the wrong way, w + lr * g for w - lr * g.
// The third meaning of a sign flip; the two on finished updates are sign_flip.
//
// What is mirrored is the whole step, so gradient, weight decay, the method's
// correction and momentum all change sign, as if the loss did. Gradients after
// the first step are those where the wrong way has led, which is why this is
// not the negative of an honest update. A method that takes no steps but sends
// a gradient has its update turned instead.
#include "fedtorch/attack/attack.h"

namespace fedtorch::attack {
namespace {

class Mirroring final : public client::Tampering {
 public:
  Mirroring(double scale, std::span<const float> model)
      : scale_(scale), before_(model.begin(), model.end()) {}

  void AfterStep(std::span<float> weights) override {
    stepped_ = true;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double before = before_[k];
      const double step = static_cast<double>(weights[k]) - before;
      weights[k] = static_cast<float>(before - scale_ * step);
      before_[k] = weights[k];
    }
  }

  void AfterTraining(std::span<float> delta) override {
    if (stepped_) return;
    for (float& value : delta) {
      value = static_cast<float>(-scale_ * static_cast<double>(value));
    }
  }

 private:
  double scale_;
  std::vector<float> before_;
  bool stepped_ = false;
};

class Ascent final : public Attack {
 public:
  explicit Ascent(config::Section& section)
      : scale_(section.Real(
            {.name = "scale", .help = "Factor on each turned step."},
            1.0,
            {.min = 0.0, .open_min = true})) {}

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    return std::make_unique<Mirroring>(scale_, turn.model);
  }

 private:
  double scale_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Ascent>(section);
}

}  // namespace

extern const Kind kAscent;
constinit const Kind kAscent{
    .name = "ascent",
    .summary = "Takes every local step up the loss in place of down.",
    .source = "Li, Ngai, Voigt 2024, Blades, sign flipping",
    .knowledge = "its own samples",
    .make = Make};

}  // namespace fedtorch::attack
