// The zero vector: harmless to a mean, not to rules that begin at 0 and take
// few steps.
#include "fedtorch/attack/attack.h"

namespace fedtorch::attack {
namespace {

class Zero final : public Attack {
 public:
  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    Crafted crafted;
    crafted.vectors.emplace_back(
        static_cast<std::size_t>(scene.known->dimension));
    return crafted;
  }
};

std::unique_ptr<Attack> Make(config::Section& /*section*/) {
  return std::make_unique<Zero>();
}

}  // namespace

extern const Kind kZero;
constinit const Kind kZero{.name = "zero",
                           .summary = "Sends zeros.",
                           .source = "robustness suites",
                           .knowledge = "nothing",
                           .make = Make};

}  // namespace fedtorch::attack
