#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/kernel/target.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace fedtorch::kernel {

/// Runs every test on every instruction set that the host has.
class OnEveryInstructionSet : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UseInstructionSet(GetParam()); }
  void TearDown() override { UseInstructionSet(""); }
};

/// Returns normal draws of the stream (seed, "noise").
template <class Real>
std::vector<Real> Noise(std::size_t size, std::uint64_t seed) {
  core::Stream stream = core::Stream::Named(seed, "noise");
  std::vector<Real> values(size);
  for (Real& value : values) value = static_cast<Real>(stream.Normal());
  return values;
}

/// Rounding of one operation.
template <class Real>
constexpr double kEpsilon =
    static_cast<double>(std::numeric_limits<Real>::epsilon());

}  // namespace fedtorch::kernel
