#include "fedtorch/attack/trigger.h"

#include <cmath>
#include <vector>

namespace fedtorch::attack {

TriggeredAttack::TriggeredAttack(config::Section& section) {
  std::vector<const Kind*> kinds;
  for (const Kind* kind : AllKinds()) {
    if (kind->poisons_data) kinds.push_back(kind);
  }
  trigger_ = config::MakeKind(
      section,
      {.name = "trigger",
       .help = "How the adversary's samples are poisoned, and what the model "
               "shall learn from it."},
      std::span<const Kind* const>(kinds),
      "badnets");
}

void ClipNorm(double most, std::span<float> vector) {
  double squares = 0.0;
  for (const float value : vector) {
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double norm = std::sqrt(squares);
  if (!(norm > most) || !std::isfinite(norm)) return;
  const double factor = most / norm;
  for (float& value : vector) {
    value = static_cast<float>(factor * static_cast<double>(value));
  }
}

}  // namespace fedtorch::attack
