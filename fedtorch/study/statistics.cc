#include "fedtorch/study/statistics.h"

#include "fedtorch/core/errors.h"

#include <cmath>
#include <limits>

namespace fedtorch::study {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = 1e-300;  // keeps Lentz's method from dividing by 0
constexpr int kMostTerms = 10'000;

// The continued fraction, by the modified method of Lentz.
double BetaFraction(double a, double b, double x) {
  const auto guarded = [](double value) {
    return std::fabs(value) < kTiny ? kTiny : value;
  };
  double c = 1.0;
  double d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
  double result = d;
  for (int m = 1; m <= kMostTerms; ++m) {
    const double twice = 2.0 * m;
    double term = m * (b - m) * x / ((a + twice - 1.0) * (a + twice));
    d = 1.0 / guarded(1.0 + term * d);
    c = guarded(1.0 + term / c);
    result *= d * c;
    term = -(a + m) * (a + b + m) * x / ((a + twice) * (a + twice + 1.0));
    d = 1.0 / guarded(1.0 + term * d);
    c = guarded(1.0 + term / c);
    const double change = d * c;
    result *= change;
    if (std::fabs(change - 1.0) < 1e-15) break;
  }
  return result;
}

}  // namespace

double IncompleteBeta(double a, double b, double x) {
  FEDTORCH_CHECK(a > 0.0 && b > 0.0 && x >= 0.0 && x <= 1.0,
                 "incomplete beta function outside its range");
  if (x == 0.0 || x == 1.0) return x;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
               a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast on this side only.
  if (x < (a + 1.0) / (a + b + 2.0)) return front * BetaFraction(a, b, x) / a;
  return 1.0 - front * BetaFraction(b, a, 1.0 - x) / b;
}

double StudentQuantile(double level, std::size_t degrees) {
  FEDTORCH_CHECK(level > 0.0 && level < 1.0 && degrees > 0,
                 "Student's t outside its range");
  const auto nu = static_cast<double>(degrees);
  // P(|T| > t) = I_{nu/(nu+t^2)}(nu/2, 1/2), which falls with t.
  const auto tail = [nu](double t) {
    return IncompleteBeta(0.5 * nu, 0.5, nu / (nu + t * t));
  };
  double low = 0.0;
  double high = 1.0;
  while (tail(high) > 1.0 - level) high *= 2.0;
  for (int i = 0; i < 200 && high - low > 1e-13 * high; ++i) {
    const double middle = 0.5 * (low + high);
    (tail(middle) > 1.0 - level ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

Spread Describe(std::span<const double> values) {
  Spread spread;
  spread.count = values.size();
  if (values.empty()) {
    spread.mean = spread.deviation = spread.half_width = kNaN;
    return spread;
  }
  const auto n = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  spread.mean = sum / n;
  if (values.size() == 1) {
    spread.half_width = kNaN;
    return spread;
  }
  double squares = 0.0;
  bool all_equal = true;
  for (const double value : values) {
    squares += (value - spread.mean) * (value - spread.mean);
    all_equal = all_equal && value == values.front();
  }
  if (all_equal) {  // the mean of equal values may be rounded
    spread.mean = values.front();
    return spread;
  }
  spread.deviation = std::sqrt(squares / (n - 1.0));
  spread.half_width = StudentQuantile(0.95, values.size() - 1) *
                      spread.deviation / std::sqrt(n);
  return spread;
}

}  // namespace fedtorch::study
