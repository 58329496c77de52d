// Sign flip, in the two meanings that act on a finished update: the negative
// mean of the honest ones, or each adversary's own update with its sign turned.
// (The third, a flipped gradient at every local step, is `ascent`.)
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

namespace fedtorch::attack {
namespace {

class SignFlip final : public Attack {
 public:
  explicit SignFlip(config::Section& section)
      : own_(section.Choice(
                 {.name = "of",
                  .help = "Whose update is turned: the mean of the honest "
                          "ones, or each adversary's own."},
                 {"mean", "own"},
                 "mean") == "own"),
        scale_(section.Real(
            {.name = "scale", .help = "Factor on the turned update."},
            1.0,
            {.min = 0.0})) {}

  bool crafts() const override { return true; }
  bool needs_own_updates() const override { return own_; }

  Crafted Craft(const Scene& scene) override {
    Crafted crafted;
    if (!own_) {
      crafted.vectors.push_back(MeanOf(*scene.known));
    } else {
      scene.own->Visit([&](auto rows) {
        for (const auto* row : rows) {
          crafted.vectors.emplace_back(row, row + scene.own->dimension);
        }
      });
    }
    for (std::vector<double>& vector : crafted.vectors) {
      for (double& value : vector) value *= -scale_;
    }
    return crafted;
  }

 private:
  bool own_;
  double scale_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<SignFlip>(section);
}

}  // namespace

extern const Kind kSignFlip;
constinit const Kind kSignFlip{
    .name = "sign_flip",
    .summary =
        "Sends the negative mean of the honest updates, or one's own "
        "update with its sign turned.",
    .source =
        "Allen-Zhu, Ebrahimian, Li, Alistarh 2021, section 5 (own); "
        "Allouah et al. 2023, section 6 (mean)",
    .knowledge = "honest updates (mean), or its own (own)",
    .make = Make};

}  // namespace fedtorch::attack
