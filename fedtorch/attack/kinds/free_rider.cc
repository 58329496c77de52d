// Free riders: clients without work that pretend to have done some. They send
// zeros or the last aggregate again, disguised by noise where noise is set.
//
// The last aggregate is what the server added to the model, so that a client
// learns it as the difference of two global models. Before the first one there
// is nothing to send again: zeros, with the noise.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/noise.h"

#include <cmath>

namespace fedtorch::attack {
namespace {

class FreeRider final : public Attack {
 public:
  explicit FreeRider(config::Section& section)
      : previous_(section.Choice({.name = "form",
                                  .help = "What is sent: zeros, or the last "
                                          "aggregate again."},
                                 {"zero", "previous"},
                                 "previous") == "previous"),
        scale_(section.Real(
            {.name = "scale", .help = "Factor on the last aggregate."}, 1.0)),
        noise_(section.Real({.name = "noise",
                             .help = "Standard deviation of the noise that "
                                     "disguises it; 0 = none."},
                            0.0,
                            {.min = 0.0})),
        decay_(section.Real(
            {.name = "decay", .help = "The noise shrinks by round^-decay."},
            0.0,
            {.min = 0.0})) {
    if (section.recording()) return;
    if (!previous_ && scale_ != 1.0) {
      section.Fail("scale", "form zero has nothing to scale; take it out");
    }
    if (noise_ == 0.0 && decay_ != 0.0) {
      section.Fail("decay", "without noise nothing decays; set noise");
    }
  }

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    std::vector<double> base(static_cast<std::size_t>(scene.known->dimension));
    if (previous_ && scene.context.previous.size() == base.size()) {
      for (std::size_t k = 0; k < base.size(); ++k) {
        base[k] = scale_ * scene.context.previous[k];
      }
    }
    Crafted crafted;
    if (noise_ == 0.0) {
      crafted.vectors.push_back(std::move(base));
      return crafted;
    }
    const double deviation =
        noise_ * std::pow(static_cast<double>(scene.round), -decay_);
    for (const std::int64_t client : scene.clients) {
      crafted.vectors.push_back(base);
      AddNormal(scene.seed,
                scene.round,
                client,
                0.0,
                deviation,
                crafted.vectors.back());
    }
    return crafted;
  }

 private:
  bool previous_;
  double scale_;
  double noise_;
  double decay_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<FreeRider>(section);
}

}  // namespace

extern const Kind kFreeRider;
constinit const Kind kFreeRider{
    .name = "free_rider",
    .summary =
        "Sends zeros, the last aggregate, or that with noise, in place of "
        "work.",
    .source = "Lin, Du, Liu 2019; Fraboni, Vidal, Lorenzi 2021 (decay)",
    .knowledge = "the last aggregate",
    .make = Make};

}  // namespace fedtorch::attack
