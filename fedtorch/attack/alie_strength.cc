#include "fedtorch/attack/alie_strength.h"

#include "fedtorch/attack/normal_quantile.h"

#include <cmath>

namespace fedtorch::attack {

double AlieStrength(std::int64_t n, std::int64_t f) {
  const std::int64_t supporters = n / 2 + 1 - f;
  return NormalQuantile(static_cast<double>(n - f - supporters) /
                        static_cast<double>(n - f));
}

std::string AlieObstacle(const std::string& name,
                         std::int64_t n,
                         std::int64_t f) {
  const std::string where =
      " for n = " + std::to_string(n) + ", f = " + std::to_string(f);
  if (f >= n) return name + ": no honest update is left" + where;
  const double z = AlieStrength(n, f);
  if (std::isinf(z) && z > 0.0) {
    return name + ": z is infinite" + where +
           ", as the adversaries need no honest support; set z";
  }
  if (!(z > 0.0)) {
    return name + ": z = " + std::to_string(z) + where +
           " is no attack, as the honest updates are too many; set z";
  }
  return {};
}

}  // namespace fedtorch::attack
