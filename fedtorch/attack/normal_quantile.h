#pragma once

namespace fedtorch::attack {

/// Returns x with P(N(0, 1) <= x) = p, to a few units in the last place
/// relative to the distance from 0; -infinity for p <= 0, +infinity for
/// p >= 1, NaN for NaN. Cost: three evaluations of erfc. Threads: safe.
/// Source: Abramowitz and Stegun 1964, 26.2.23, improved by Halley's method.
double NormalQuantile(double p);

}  // namespace fedtorch::attack
