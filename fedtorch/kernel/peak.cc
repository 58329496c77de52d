#include "fedtorch/kernel/peak.h"

#include "fedtorch/core/targets.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/peak.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

// Twelve chains hide the latency of a multiply-add (four cycles on two ports)
// and leave registers for the operands where there are only sixteen. They are
// named one by one because vectors of unknown length cannot be elements of an
// array. Returns the operations done.
double RunChains(std::size_t steps, const float* operands, float* sum) {
  const Floats d;
  const auto factor = hn::Set(d, operands[0]);
  const auto addend = hn::Set(d, operands[1]);
  // They start apart: equal chains would be compiled into one.
  auto a = hn::Iota(d, 0.0F), b = hn::Iota(d, 1.0F), c = hn::Iota(d, 2.0F),
       e = hn::Iota(d, 3.0F), f = hn::Iota(d, 4.0F), g = hn::Iota(d, 5.0F),
       h = hn::Iota(d, 6.0F), i = hn::Iota(d, 7.0F), j = hn::Iota(d, 8.0F),
       k = hn::Iota(d, 9.0F), l = hn::Iota(d, 10.0F), m = hn::Iota(d, 11.0F);
  for (std::size_t step = 0; step < steps; ++step) {
    a = hn::MulAdd(a, factor, addend);
    b = hn::MulAdd(b, factor, addend);
    c = hn::MulAdd(c, factor, addend);
    e = hn::MulAdd(e, factor, addend);
    f = hn::MulAdd(f, factor, addend);
    g = hn::MulAdd(g, factor, addend);
    h = hn::MulAdd(h, factor, addend);
    i = hn::MulAdd(i, factor, addend);
    j = hn::MulAdd(j, factor, addend);
    k = hn::MulAdd(k, factor, addend);
    l = hn::MulAdd(l, factor, addend);
    m = hn::MulAdd(m, factor, addend);
  }
  const auto first = hn::Add(hn::Add(a, b), hn::Add(c, e));
  const auto second = hn::Add(hn::Add(f, g), hn::Add(h, i));
  const auto third = hn::Add(hn::Add(j, k), hn::Add(l, m));
  *sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(first, second), third)));
  return 2.0 * 12.0 * static_cast<double>(hn::Lanes(d)) *
         static_cast<double>(steps);
}

float AddUp(const float* values, std::size_t size) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  std::size_t at = 0;
  for (; at + 4 * lanes <= size; at += 4 * lanes) {
    a = hn::Add(a, hn::LoadU(d, values + at));
    b = hn::Add(b, hn::LoadU(d, values + at + lanes));
    c = hn::Add(c, hn::LoadU(d, values + at + 2 * lanes));
    e = hn::Add(e, hn::LoadU(d, values + at + 3 * lanes));
  }
  float sum =
      hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
  for (; at < size; ++at) sum += values[at];
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {
namespace {

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

HWY_EXPORT(RunChains);
HWY_EXPORT(AddUp);

double MeasureFmaPeak() {
  // Volatile: were the operands known, the loop would be computed at compile
  // time. The chains stay near 1 / (1 - factor), far from the slow numbers.
  const volatile float factor = 0.5F;
  const float operands[] = {factor, 1.0F};
  volatile float sink = 0.0F;
  double best = 0.0;
  for (int run = 0; run < 40; ++run) {
    float sum = 0.0F;
    const double start = Seconds();
    const double operations =
        HWY_DYNAMIC_DISPATCH(RunChains)(std::size_t{1} << 19, operands, &sum);
    best = std::max(best, operations / (Seconds() - start));
    sink = sink + sum;
  }
  return best * 1e-9;
}

double MeasureReadBandwidth(std::span<const float> values) {
  volatile float sink = 0.0F;
  double best = 0.0;
  for (int run = 0; run < 6; ++run) {
    const double start = Seconds();
    sink = sink + HWY_DYNAMIC_DISPATCH(AddUp)(values.data(), values.size());
    best = std::max(
        best, static_cast<double>(values.size_bytes()) / (Seconds() - start));
  }
  return best * 1e-9;
}

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
