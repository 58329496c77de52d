#include "fedtorch/attack/normal_quantile.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace fedtorch::attack {

double NormalQuantile(double p) {
  if (std::isnan(p)) return p;
  if (p <= 0.0) return -std::numeric_limits<double>::infinity();
  if (p >= 1.0) return std::numeric_limits<double>::infinity();
  if (p == 0.5) return 0.0;
  // Works in the lower tail, where erfc keeps its digits. 1 - p is exact for
  // p > 0.5.
  const bool upper = p > 0.5;
  const double tail = upper ? 1.0 - p : p;
  const double t = std::sqrt(-2.0 * std::log(tail));
  double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  // The start is good to 4.5e-4 and each step triples the digits.
  for (int step = 0; step < 3; ++step) {
    const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - tail;
    // error / density(x), with the exponential in two halves, each of which
    // stays below the largest number.
    const double half = std::exp(0.25 * x * x);
    const double newton =
        error * half * half * std::sqrt(2.0 * std::numbers::pi);
    x -= newton / (1.0 + 0.5 * x * newton);
  }
  return upper ? -x : x;
}

}  // namespace fedtorch::attack
