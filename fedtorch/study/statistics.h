#pragma once

#include <cstddef>
#include <span>

namespace fedtorch::study {

/// Describes repetitions of one measurement, e.g. over seeds.
struct Spread {
  std::size_t count = 0;
  double mean = 0.0;       ///< NaN without values
  double deviation = 0.0;  ///< sample standard deviation (n - 1); 0 for n = 1
  /// Half the width of the two-sided 95 % confidence interval of the mean by
  /// Student's t with n - 1 degrees of freedom; NaN for n < 2, 0 when all
  /// values are equal.
  double half_width = 0.0;
};

/// Computes mean and spread in the order given. Cost: O(n).
/// Source: Student, The probable error of a mean, Biometrika 6 (1908).
Spread Describe(std::span<const double> values);

/// Returns t for which P(|T| <= t) = `level` with `degrees` degrees of freedom.
/// Requires: degrees >= 1, 0 < level < 1. Error below 1e-9.
double StudentQuantile(double level, std::size_t degrees);

/// Returns the regularised incomplete beta function I_x(a, b) by the continued
/// fraction of DLMF 8.17.22. Requires: a, b > 0, 0 <= x <= 1.
double IncompleteBeta(double a, double b, double x);

}  // namespace fedtorch::study
