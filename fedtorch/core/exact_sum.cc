#include "fedtorch/core/exact_sum.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>

// AVX-512, AVX2, NEON or scalar code, chosen at run time; the results are the
// same, because nothing is fused and integers add up in any order.
#include <hwy/detect_targets.h>
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS                                               \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | \
   HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/core/exact_sum.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::core {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Returns the largest magnitude.
float LargestOf(const float* values, std::size_t size) {
  const hn::CappedTag<float, 16> d;
  const std::size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    largest = hn::Max(largest, hn::Abs(hn::LoadU(d, values + i)));
  }
  float result = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < size; ++i) result = std::max(result, std::fabs(values[i]));
  return result;
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
                     std::size_t num_rows) {
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
    for (std::size_t r = 0; r < num_rows; ++r) {
      const auto value = hn::PromoteTo(d, hn::LoadU(df, rows[r] + i));
      const auto scaled = hn::Mul(value, hn::Set(d, scales[r]));
      const auto shifted = hn::Add(scaled, magic);
      const auto rest = hn::Sub(scaled, hn::Sub(shifted, magic));
      const auto low_shifted = hn::Add(hn::Mul(rest, low_scale), magic);
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

HWY_EXPORT(LargestOf);
HWY_EXPORT(AddSmall);

constexpr double kHighScale = 0x1p20;
constexpr double kLowScale = 0x1p60;
constexpr double kLargest = 0x1p32;
// Scaled values below this go the fast way.
constexpr double kSmall = 0x1p51;
// Coordinates whose sums, 32 KiB, stay in the first cache while rows are
// added.
constexpr std::size_t kBlock = 2048;

// Adds a row of any size the plain way, which also defines the result.
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
  AddRows(std::span(&weight, 1), std::span(&values, 1));
}

void ExactSum::AddRows(std::span<const double> weights,
                       std::span<const std::span<const float>> rows,
                       std::span<const double> bounds) {
  FEDTORCH_CHECK(weights.size() == rows.size(), "one weight a row");
  FEDTORCH_CHECK(bounds.empty() || bounds.size() == rows.size(),
                 "one bound a row");
  for (const std::span<const float> row : rows) {
    FEDTORCH_CHECK(row.size() == size(), "sizes differ");
  }
  for (std::size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, rows.size() - first);
    AddFewRows(weights.subspan(first, count),
               rows.subspan(first, count),
               bounds.empty() ? bounds : bounds.subspan(first, count));
  }
}

void ExactSum::AddFewRows(std::span<const double> weights,
                          std::span<const std::span<const float>> rows,
                          std::span<const double> bounds) {
  double scales[kRowsAtOnce];
  const float* at[kRowsAtOnce];
  for (std::size_t r = 0; r < rows.size(); ++r) {
    scales[r] = weights[r] * kHighScale;
  }
  for (std::size_t start = 0; start < size(); start += kBlock) {
    const std::size_t count = std::min(kBlock, size() - start);
    bool small = true;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      at[r] = rows[r].data() + start;
      const double largest =
          bounds.empty() ? static_cast<double>(
                               HWY_DYNAMIC_DISPATCH(LargestOf)(at[r], count))
                         : bounds[r];
      small &= largest * std::fabs(scales[r]) < kSmall;
    }
    std::int64_t* const high = high_.data() + start;
    std::int64_t* const low = low_.data() + start;
    const std::size_t done =
        small ? HWY_DYNAMIC_DISPATCH(AddSmall)(
                    high, low, count, scales, at, rows.size())
              : 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      AddTo(high + done, low + done, count - done, weights[r], at[r] + done);
    }
  }
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
    out[i] = ToDouble(high_[i], low_[i]);
  }
}

void ExactSum::TakeTotal(std::span<ExactSum* const> sums,
                         std::size_t begin,
                         std::size_t end,
                         std::span<double> out) {
  FEDTORCH_CHECK(begin <= end && end <= out.size(), "no such part");
  for (const ExactSum* sum : sums) {
    FEDTORCH_CHECK(sum->size() == out.size(), "sizes differ");
  }
  for (std::size_t i = begin; i < end; ++i) {
    std::int64_t high = 0;
    std::int64_t low = 0;
    for (ExactSum* sum : sums) {
      high += sum->high_[i];
      low += sum->low_[i];
      sum->high_[i] = 0;
      sum->low_[i] = 0;
    }
    out[i] = ToDouble(high, low);
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
#endif  // HWY_ONCE
