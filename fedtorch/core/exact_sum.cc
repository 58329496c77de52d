#include "fedtorch/core/exact_sum.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/targets.h"

#include <algorithm>
#include <cmath>
#include <utility>

// AVX-512, AVX2, NEON or scalar code, chosen at run time; the sums are the
// same, because nothing is fused that would round otherwise, and integers add
// up in any order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/core/exact_sum.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::core {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Returns the sum of (value - origin)^2, differences in float. On the way it
// asks for the `size` values that will be read next, because the processor's
// own guesses end with each block.
double SquaresOf(const float* values,
                 std::size_t size,
                 const float* origin,
                 const float* ahead) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t lanes = hn::Lanes(d);
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  const auto at = [&](std::size_t i) HWY_ATTR {
    auto value = hn::LoadU(df, values + i);
    if (origin != nullptr) value = hn::Sub(value, hn::LoadU(df, origin + i));
    return hn::PromoteTo(d, value);
  };
  std::size_t i = 0;
  for (; i + 2 * lanes <= size; i += 2 * lanes) {
    __builtin_prefetch(ahead + i);
    const auto first = at(i);
    const auto second = at(i + lanes);
    even = hn::MulAdd(first, first, even);
    odd = hn::MulAdd(second, second, odd);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; i < size; ++i) {
    const float value = origin != nullptr ? values[i] - origin[i] : values[i];
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return sum;
}

// Adds rows whose scaled values are below 2^51. Adding and subtracting
// 1.5 * 2^52 rounds those to the nearest integer, which then stands in the low
// bits of the sum; unlike a conversion to int64 that is fast on every
// processor. `scales` are weight * 2^20: a power of two changes no rounding.
// Returns how many of the `size` coordinates were done, a multiple of the
// lanes.
std::size_t AddSmall(std::int64_t* high,
                     std::int64_t* low,
                     std::size_t size,
                     const double* scales,
                     const float* const* rows,
                     std::size_t num_rows,
                     const float* origin) {
  const hn::CappedTag<double, 8> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t lanes = hn::Lanes(d);
  const auto magic = hn::Set(d, 0x1.8p52);
  const auto low_scale = hn::Set(d, 0x1p40);
  // Every addend brings the bits of 1.5 * 2^52 along; they are taken off once
  // for all rows. Integers may wrap around on the way.
  const auto offset = hn::Set(
      di, static_cast<std::int64_t>(num_rows * std::uint64_t{0x4338} << 48));
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    auto high_sum = hn::Sub(hn::LoadU(di, high + i), offset);
    auto low_sum = hn::Sub(hn::LoadU(di, low + i), offset);
    // Taking 0 away changes no value.
    const auto zero =
        origin != nullptr ? hn::LoadU(df, origin + i) : hn::Zero(df);
    for (std::size_t r = 0; r < num_rows; ++r) {
      const auto value =
          hn::PromoteTo(d, hn::Sub(hn::LoadU(df, rows[r] + i), zero));
      const auto scaled = hn::Mul(value, hn::Set(d, scales[r]));
      const auto shifted = hn::Add(scaled, magic);
      const auto rest = hn::Sub(scaled, hn::Sub(shifted, magic));
      // A power of two: fused or not, it rounds once.
      const auto low_shifted = hn::MulAdd(rest, low_scale, magic);
      high_sum = hn::Add(high_sum, hn::BitCast(di, shifted));
      low_sum = hn::Add(low_sum, hn::BitCast(di, low_shifted));
    }
    hn::StoreU(high_sum, di, high + i);
    hn::StoreU(low_sum, di, low + i);
  }
  return i;
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::core
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::core {
namespace {

HWY_EXPORT(SquaresOf);
HWY_EXPORT(AddSmall);

constexpr double kHighScale = 0x1p20;
constexpr double kLowScale = 0x1p60;
constexpr double kLargest = 0x1p32;
constexpr double kLargestWeighted = 0x1p42;
// Scaled values below this go the fast way.
constexpr double kSmall = 0x1p51;
// Coordinates whose sums, 16 KiB, stay in the first cache while rows are
// added.
constexpr std::size_t kBlock = 1024;

// Adds a row of any size the plain way, which also defines the result.
template <class Real>
void AddTo(std::int64_t* high,
           std::int64_t* low,
           std::size_t size,
           double weight,
           const Real* values,
           const Real* origin = nullptr) {
  for (std::size_t i = 0; i < size; ++i) {
    const Real value = origin != nullptr ? values[i] - origin[i] : values[i];
    const double addend = weight * static_cast<double>(value);
    const double high_part = std::nearbyint(addend * kHighScale);
    const double rest = addend - high_part * (1.0 / kHighScale);
    high[i] += static_cast<std::int64_t>(high_part);
    low[i] += static_cast<std::int64_t>(std::nearbyint(rest * kLowScale));
  }
}

// Whether all differences are below kLargest and leave room with their weight.
bool AdmissibleFrom(double weight,
                    const float* values,
                    const float* origin,
                    std::size_t size) {
  const double most =
      std::min(kLargest, kLargestWeighted / std::max(1.0, std::fabs(weight)));
  bool good = true;
  for (std::size_t i = 0; i < size; ++i) {
    const float value = origin != nullptr ? values[i] - origin[i] : values[i];
    good &= std::fabs(static_cast<double>(value)) < most;
  }
  return good;
}

double ToDouble(std::int64_t high, std::int64_t low) {
  return static_cast<double>(high) / kHighScale +
         static_cast<double>(low) / kLowScale;
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
  const std::span<const Added> added =
      AddRows(std::span(&weight, 1), std::span(&values, 1));
  FEDTORCH_CHECK(added.front().admissible, "the values are not admissible");
}

std::span<const ExactSum::Added> ExactSum::AddRows(
    std::span<const double> weights,
    std::span<const std::span<const float>> rows,
    std::span<const float> origin) {
  FEDTORCH_CHECK(weights.size() == rows.size(), "one weight a row");
  FEDTORCH_CHECK(origin.empty() || origin.size() == size(), "sizes differ");
  for (const std::span<const float> row : rows) {
    FEDTORCH_CHECK(row.size() == size(), "sizes differ");
  }
  added_.assign(rows.size(), {});
  for (std::size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, rows.size() - first);
    AddFewRows(weights.subspan(first, count),
               rows.subspan(first, count),
               origin,
               std::span(added_).subspan(first, count));
  }
  return added_;
}

void ExactSum::AddFewRows(std::span<const double> weights,
                          std::span<const std::span<const float>> rows,
                          std::span<const float> origin,
                          std::span<Added> added) {
  double scales[kRowsAtOnce];
  const float* at[kRowsAtOnce];
  WriteZeros();
  for (std::size_t start = 0; start < size(); start += kBlock) {
    const std::size_t count = std::min(kBlock, size() - start);
    std::int64_t* const high = high_.data() + start;
    std::int64_t* const low = low_.data() + start;
    const float* const from = origin.empty() ? nullptr : origin.data() + start;
    std::size_t small = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const float* const values = rows[r].data() + start;
      // Memory past the end is asked for in vain, but harmlessly.
      const float* const ahead = r + 1 < rows.size()
                                     ? rows[r + 1].data() + start
                                     : rows[0].data() + start + kBlock;
      const double squares =
          HWY_DYNAMIC_DISPATCH(SquaresOf)(values, count, from, ahead);
      added[r].squared_norm += squares;
      if (!added[r].admissible) continue;
      // No magnitude is above the norm; the margin is for its rounding. NaN
      // fails every comparison.
      const double bound = std::sqrt(squares) * 1.001;
      const double scale = weights[r] * kHighScale;
      if (bound < kLargest && bound * std::fabs(scale) < kSmall) {
        scales[small] = scale;
        at[small++] = values;
      } else if (AdmissibleFrom(weights[r], values, from, count)) {
        AddTo(high, low, count, weights[r], values, from);
      } else {
        // Integers forget what is taken back.
        added[r].admissible = false;
        AddTo(high_.data(),
              low_.data(),
              start,
              -weights[r],
              rows[r].data(),
              origin.empty() ? nullptr : origin.data());
      }
    }
    if (small == 0) continue;
    const std::size_t done = HWY_DYNAMIC_DISPATCH(AddSmall)(
        high, low, count, scales, at, small, from);
    for (std::size_t r = 0; r < small && done < count; ++r) {
      AddTo(high + done,
            low + done,
            count - done,
            scales[r] / kHighScale,
            at[r] + done,
            from == nullptr ? nullptr : from + done);
    }
  }
}

void ExactSum::Add(double weight, std::span<const double> values) {
  FEDTORCH_CHECK(values.size() == size(), "sizes differ");
  WriteZeros();
  AddTo(high_.data(), low_.data(), size(), weight, values.data());
}

void ExactSum::Merge(const ExactSum& other) {
  FEDTORCH_CHECK(other.size() == size(), "sizes differ");
  if (other.empty_) return;
  WriteZeros();
  for (std::size_t i = 0; i < size(); ++i) {
    high_[i] += other.high_[i];
    low_[i] += other.low_[i];
  }
}

void ExactSum::Result(std::span<double> out) const {
  FEDTORCH_CHECK(out.size() == size(), "sizes differ");
  for (std::size_t i = 0; i < size(); ++i) {
    out[i] = empty_ ? 0.0 : ToDouble(high_[i], low_[i]);
  }
}

void ExactSum::WriteTotal(std::span<ExactSum* const> sums,
                          std::size_t begin,
                          std::size_t end,
                          std::span<double> out) {
  FEDTORCH_CHECK(begin <= end && end <= out.size(), "no such part");
  std::vector<const ExactSum*> full;
  for (const ExactSum* sum : sums) {
    FEDTORCH_CHECK(sum->size() == out.size(), "sizes differ");
    if (!sum->empty_) full.push_back(sum);
  }
  for (std::size_t i = begin; i < end; ++i) {
    std::int64_t high = 0;
    std::int64_t low = 0;
    for (const ExactSum* sum : full) {
      high += sum->high_[i];
      low += sum->low_[i];
    }
    out[i] = ToDouble(high, low);
  }
}

void ExactSum::WriteZeros() {
  if (!std::exchange(empty_, false)) return;
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
#endif  // HWY_ONCE
