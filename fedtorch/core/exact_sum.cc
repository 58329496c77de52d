#include "fedtorch/core/exact_sum.h"

#include "fedtorch/core/errors.h"

#include <cmath>

namespace fedtorch::core {
namespace {

constexpr double kHighScale = 0x1p20;
constexpr double kLowScale = 0x1p60;
constexpr double kLargest = 0x1p32;

// Adding and subtracting 1.5 * 2^52 rounds to the nearest integer for
// |x| < 2^51 and, unlike rint, becomes a vector instruction everywhere. The
// high lane reaches 2^62, so it goes through the hardware rounding.
template <class Real>
void AddTo(std::int64_t* high,
           std::int64_t* low,
           std::size_t size,
           double weight,
           const Real* values) {
  for (std::size_t i = 0; i < size; ++i) {
    const double addend = weight * static_cast<double>(values[i]);
    const double high_part = std::nearbyint(addend * kHighScale);
    const double rest = addend - high_part * (1.0 / kHighScale);
    high[i] += static_cast<std::int64_t>(high_part);
    low[i] += static_cast<std::int64_t>(std::nearbyint(rest * kLowScale));
  }
}

template <class Real>
bool AllAdmissible(double weight, std::span<const Real> values) {
  bool good = true;
  // Negated so that NaN fails; no early exit, so that the loop vectorises.
  for (const Real value : values) {
    good &= std::fabs(weight * static_cast<double>(value)) < kLargest;
  }
  return good;
}

}  // namespace

void ExactSum::Add(double weight, std::span<const float> values) {
  FEDTORCH_CHECK(values.size() == size(), "sizes differ");
  AddTo(high_.data(), low_.data(), size(), weight, values.data());
}

void ExactSum::Add(double weight, std::span<const double> values) {
  FEDTORCH_CHECK(values.size() == size(), "sizes differ");
  AddTo(high_.data(), low_.data(), size(), weight, values.data());
}

void ExactSum::Merge(const ExactSum& other) {
  FEDTORCH_CHECK(other.size() == size(), "sizes differ");
  for (std::size_t i = 0; i < size(); ++i) {
    high_[i] += other.high_[i];
    low_[i] += other.low_[i];
  }
}

void ExactSum::Result(std::span<double> out) const {
  FEDTORCH_CHECK(out.size() == size(), "sizes differ");
  for (std::size_t i = 0; i < size(); ++i) {
    out[i] = static_cast<double>(high_[i]) / kHighScale +
             static_cast<double>(low_[i]) / kLowScale;
  }
}

void ExactSum::Clear() {
  std::fill(high_.begin(), high_.end(), 0);
  std::fill(low_.begin(), low_.end(), 0);
}

bool ExactSum::Admissible(double weight, std::span<const float> values) {
  return AllAdmissible(weight, values);
}

bool ExactSum::Admissible(double weight, std::span<const double> values) {
  return AllAdmissible(weight, values);
}

}  // namespace fedtorch::core
