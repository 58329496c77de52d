// No attack: adversaries behave. The baseline of every benchmark, and what a
// config without an attack does.
#include "fedtorch/attack/attack.h"

namespace fedtorch::attack {
namespace {

class None final : public Attack {};

std::unique_ptr<Attack> Make(config::Section& /*section*/) {
  return std::make_unique<None>();
}

}  // namespace

extern const Kind kNone;
constinit const Kind kNone{.name = "none",
                           .summary = "Adversaries behave as honest clients.",
                           .source = "the baseline of every benchmark",
                           .knowledge = "nothing",
                           .make = Make};

}  // namespace fedtorch::attack
