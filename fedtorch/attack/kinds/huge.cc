// Values that are finite and far too large. Their squares overflow float32.
#include "fedtorch/attack/attack.h"

namespace fedtorch::attack {
namespace {

class Huge final : public Attack {
 public:
  explicit Huge(config::Section& section)
      : value_(section.Real(
            {.name = "value", .help = "Value of every coordinate."},
            1e20,
            {.min = -3e38, .max = 3e38})) {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    Crafted crafted;
    crafted.vectors.emplace_back(
        static_cast<std::size_t>(scene.known->dimension), value_);
    return crafted;
  }

 private:
  double value_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Huge>(section);
}

}  // namespace

extern const Kind kHuge;
constinit const Kind kHuge{
    .name = "huge",
    .summary = "Sends one large number in every coordinate.",
    .source = "robustness suites",
    .knowledge = "nothing",
    .make = Make};

}  // namespace fedtorch::attack
