#include "fedtorch/aggregate/honest_majority.h"

namespace fedtorch::aggregate {

std::string HonestMajorityObstacle(std::string_view name,
                                   std::int64_t n,
                                   std::int64_t f) {
  if (n > 2 * f) return {};
  return std::string(name) + " needs n > 2f = " + std::to_string(2 * f) +
         " updates, found n = " + std::to_string(n) +
         " with f = " + std::to_string(f);
}

}  // namespace fedtorch::aggregate
