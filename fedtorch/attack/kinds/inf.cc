// Infinite values. Tells whether a defence sets rows aside that are not finite.
#include "fedtorch/attack/attack.h"

#include <limits>

namespace fedtorch::attack {
namespace {

class Inf final : public Attack {
 public:
  explicit Inf(config::Section& section)
      : value_(section.Choice({.name = "sign", .help = "Of the infinity."},
                              {"plus", "minus"},
                              "plus") == "plus"
                   ? std::numeric_limits<double>::infinity()
                   : -std::numeric_limits<double>::infinity()) {}

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
  return std::make_unique<Inf>(section);
}

}  // namespace

extern const Kind kInf;
constinit const Kind kInf{.name = "inf",
                          .summary = "Sends infinite values.",
                          .source = "robustness suites",
                          .knowledge = "nothing",
                          .make = Make};

}  // namespace fedtorch::attack
